"""The models of TopicModeling, NMF and Spark MLlib's LDA: learnt from a sample, and the topic of every document."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.ml.clustering import LDA, LDAModel
from pyspark.ml.feature import CountVectorizerModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.domain.topics.model import TopicModel, fit, without_words
from helix_pipeline.spark.topics.documents import Sample

ASSIGNED = "conversation_id string, year int, month int, day int, topic int, weight double, fallback boolean"

LDA_ITERATIONS, LDA_BATCH = 50, 1_000
"""Mini-batches of about so many documents that LDA sees, one after the other."""

LDA_OFFSET = 10.0
"""Weighs the first mini-batches down; MLlib's own 1,024 is for streams of thousands of them (Hoffman et al. 2010)."""

LDA_PARTITIONS = 2
"""Sums of two parts do not depend on which is ready first: so few keep equal runs equal to the last bit."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A model, the topics' shares of each document of its sample, and how any documents get theirs.

    `assign` takes rows of `documents.DOCUMENT` and returns rows of `ASSIGNED`, one for each.
    """

    model: TopicModel
    shares: Floats
    assign: Callable[[DataFrame], DataFrame]


def nmf(sample: Sample, topics: int, seed: int) -> Fitted:
    """Learn topics by NMF on the driver; documents get theirs on the executors. No topics: one without words."""
    words = sample.vocabulary
    weighted = words.weigh(words.counts(sample.texts))
    model = fit(words, weighted, topics, seed) if topics else without_words(words)
    return Fitted(model, model.documents(weighted), partial(_nmf_topics, model))


def lda(sample: Sample, topics: int, seed: int) -> Fitted:
    """Learn topics by MLlib's online variational Bayes (Hoffman et al. 2010) and assign documents with MLlib too."""
    if not topics:
        return nmf(sample, topics, seed)
    counter = CountVectorizerModel.from_vocabulary(list(sample.vocabulary.words), "words", "counts")
    rows = counter.transform(sample.rows)
    parts = rows.repartition(LDA_PARTITIONS, "conversation_id").sortWithinPartitions("conversation_id").persist()
    trained = _trainer(topics, seed, len(sample.texts)).fit(parts)
    shares = np.array(trained.transform(rows).select(_shares()).toArrow()["shares"].to_pylist()).reshape(-1, topics)
    parts.unpersist()
    prior = shares.sum(axis=0) / shares.sum()
    order = np.argsort(-prior, kind="stable")
    by_word = trained.topicsMatrix().toArray().T[order]
    model = TopicModel(sample.vocabulary, by_word / by_word.sum(axis=1, keepdims=True), prior[order])
    known = np.where(shares.sum(axis=1, keepdims=True) > 0, shares, prior)[:, order]
    return Fitted(model, known, partial(_lda_topics, counter, trained, model.prior, order))


MODELS: dict[str, Callable[[Sample, int, int], Fitted]] = {"nmf": nmf, "lda": lda}


def _nmf_topics(model: TopicModel, found: DataFrame) -> DataFrame:
    """Give documents their topics in Arrow batches; the model goes to the executors once."""
    sent = found.sparkSession.sparkContext.broadcast(model)

    def assigned(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _heaviest(sent.value, batch)

    return found.mapInArrow(assigned, ASSIGNED)


def _heaviest(model: TopicModel, batch: pa.RecordBatch) -> pa.RecordBatch:
    weighted = model.vocabulary.weigh(model.vocabulary.counts(batch["words"].to_pylist()))
    shares = model.documents(weighted)
    columns = {name: batch[name] for name in ("conversation_id", "year", "month", "day")}
    columns["topic"] = pa.array(shares.argmax(axis=1), pa.int32())
    columns["weight"] = pa.array(shares.max(axis=1), pa.float64())
    columns["fallback"] = pa.array(~model.knows(weighted))
    return pa.RecordBatch.from_pydict(columns)


def _trainer(topics: int, seed: int, documents: int) -> LDA:
    return LDA(
        k=topics,
        seed=seed,
        optimizer="online",
        maxIter=LDA_ITERATIONS,
        subsamplingRate=min(1.0, LDA_BATCH / documents),
        learningOffset=LDA_OFFSET,
        featuresCol="counts",
    )


def _shares() -> Column:
    return vector_to_array("topicDistribution").alias("shares")


def _lda_topics(
    counter: CountVectorizerModel, trained: LDAModel, prior: Floats, order: NDArray[np.int64], found: DataFrame
) -> DataFrame:
    """Give documents their topics by MLlib, which gives one without a known word no shares at all."""
    heaviest = F.array_max("shares")
    places = F.array(*(F.lit(int(place)) for place in np.argsort(order)))
    fallback = heaviest <= 0
    shared = trained.transform(counter.transform(found)).select("conversation_id", "year", "month", "day", _shares())
    topic = F.when(fallback, 0).otherwise(F.get(places, F.array_position("shares", heaviest).cast("int") - 1))
    weight = F.when(fallback, float(prior[0])).otherwise(heaviest)
    return shared.select(*shared.columns[:4], topic.alias("topic"), weight.alias("weight"), fallback.alias("fallback"))
