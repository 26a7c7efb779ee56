"""TopicModeling: what conversations are about, the topic of each, how good the topics are, and a picture of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.job_tables.topics import DOCUMENT_TOPICS, TOPICS
from helix_pipeline.domain.topics.description import Description, describe
from helix_pipeline.domain.topics.picture import svg
from helix_pipeline.domain.topics.selection import number_of_topics
from helix_pipeline.errors import UsageError
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.plain_file import write_file
from helix_pipeline.spark.topics.documents import documents, sample, vocabulary
from helix_pipeline.spark.topics.lineage import Topic, continued, earlier_topics
from helix_pipeline.spark.topics.models import MODELS

MAX_TOPICS = 1_000
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Options:
    """The parameters of a run: the model's name in `MODELS`, the number of topics (0: chosen) and the seed."""

    model: str
    topics: int
    seed: int

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> "Options":
        """Read the parameters. Raises UsageError for a value that cannot be."""
        model, topics, seed = (parameters[name] for name in ("model", "topics", "seed"))
        if model not in MODELS:
            raise UsageError(f"unknown model {model!r}; known are {', '.join(MODELS)}")
        for name, value, most in (("topics", topics, MAX_TOPICS), ("seed", seed, MAX_SEED)):
            if not 0 <= value <= most:
                raise UsageError(f"{name} is {value} and must be from 0 to {most}")
        return cls(model, topics, seed)


def run(job: JobRun) -> Result:
    """Return `topics` and `document_topics` of the lake's conversations; afterwards the picture goes to the archive.

    Raises UsageError for a parameter that cannot be.
    """
    options = Options.of(job.parameters)
    found = documents(job.table("conversations")).persist()
    [sums] = found.agg(F.count("*").alias("documents"), F.sum("messages").alias("messages")).collect()
    if not sums.documents:
        return Result({table.name: table.schema.empty_table() for table in (TOPICS, DOCUMENT_TOPICS)}, 0)
    learnt = sample(found, vocabulary(found, sums.documents), options.seed)
    number = number_of_topics(learnt.vocabulary, learnt.texts, options.topics, options.seed)
    fitted = MODELS[options.model](learnt, number, options.seed)
    assigned = fitted.assign(found).persist()
    told = describe(fitted.model, learnt.texts, fitted.shares)
    counts = counted(assigned, len(told.words))
    topics = continued(rows(told, counts), earlier_topics(job))
    return Result(
        {
            TOPICS.name: pa.Table.from_pylist(topics, TOPICS.schema),
            DOCUMENT_TOPICS.name: named(assigned, [topic["topic_id"] for topic in topics], job.period),
        },
        rows_in=sums.messages,
        metrics=metrics(told, counts, len(learnt.vocabulary.words), len(learnt.texts)),
        afterwards=partial(finish, job, told, counts.documents, (found, assigned)),
    )


@dataclass(frozen=True)
class Counts:
    """How many documents each topic has, and how many of all had no word for it."""

    documents: list[int]
    fallback: int


def counted(assigned: DataFrame, topics: int) -> Counts:
    """Count the documents of each topic; topics that are nobody's heaviest have none."""
    sums = assigned.groupBy("topic").agg(F.count("*").alias("documents"), F.count_if("fallback").alias("fallback"))
    found = {row.topic: row for row in sums.collect()}
    documents = [found[topic].documents if topic in found else 0 for topic in range(topics)]
    return Counts(documents, sum(row.fallback for row in found.values()))


def rows(told: Description, counts: Counts) -> list[Topic]:
    """Return a row of `TOPICS` for each topic, but for what earlier runs have to say of it."""
    total = sum(counts.documents)
    return [
        {
            "topic": topic,
            "label": told.labels[topic],
            "words": told.words[topic],
            "weights": told.weights[topic],
            "documents": documents,
            "share": documents / total,
            "npmi": _known(told.npmi[topic]),
            "c_v": _known(told.c_v[topic]),
            "x": float(told.positions[topic, 0]),
            "y": float(told.positions[topic, 1]),
        }
        for topic, documents in enumerate(counts.documents)
    ]


def named(assigned: DataFrame, names: Sequence[str], period: str) -> DataFrame:
    """Return rows of `DOCUMENT_TOPICS`."""
    found = F.get(F.array(*map(F.lit, names)), F.col("topic"))
    return assigned.withColumns({"topic_id": found, "period": F.lit(period)})


def metrics(told: Description, counts: Counts, words: int, learnt: int) -> dict[str, float]:
    """Return the figures of a run: coherence is the mean over topics, and left out where no topic has two words."""
    total = sum(counts.documents)
    figures: dict[str, float] = {"documents": total, "sample": learnt, "vocabulary": words, "topics": len(told.words)}
    figures |= {"fallback_documents": counts.fallback, "fallback_share": counts.fallback / total}
    coherence = {"npmi": told.npmi, "c_v": told.c_v}
    means = {name: float(np.nanmean(values)) for name, values in coherence.items() if np.isfinite(values).any()}
    return {**figures, **means, "diversity": told.diversity}


def finish(job: JobRun, told: Description, documents: Sequence[int], kept: Sequence[DataFrame]) -> dict[str, float]:
    """Draw the picture, beside the tables, and let go of what the run kept."""
    title = f"Topics of {sum(documents):,} conversations ({job.period})"
    picture = svg(told.positions, documents, told.labels, told.npmi, title)
    write_file(job.spark, f"{job.output_root}/archive/{TOPICS.name}/topics_{job.period}.svg", picture)
    for frame in kept:
        frame.unpersist()
    return {}


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
