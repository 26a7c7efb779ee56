"""Conversations as documents: their words, the vocabulary of them all, and the sample to learn a model from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.domain.topics.vocabulary import MAX_WORDS, Vocabulary, document_limits, tokens

MAX_CHARACTERS = 50_000
"""Of a conversation, from its beginning: so one of a million messages stays small."""

SAMPLE_DOCUMENTS = 20_000
SAMPLE_WORDS = 1_000
"""A model is learnt on the driver from at most so many documents, and so many words of each."""

COPY = ("kafka_partition", "kafka_offset")
"""What a record of a message is known by: producers may send a message twice, and the lake keeps both."""

DOCUMENT = "conversation_id string, year int, month int, day int, messages long, words array<string>"


def documents(conversations: DataFrame) -> DataFrame:
    """Return a row per conversation with a message: columns `DOCUMENT`.

    The date is that of its first message in the rows given, `messages` how many there are, `words` the `tokens` of the
    first `MAX_CHARACTERS` characters of the different ones in order.
    """
    said = conversations.where(F.col("event_type") == "message.added")
    order = Window.partitionBy("conversation_id").orderBy("sequence", "message_id", *COPY)
    copies = said.withColumn("copy", F.lag("message_id").over(order).eqNullSafe(F.col("message_id")))
    length = F.sum(F.when(~F.col("copy"), F.length("content") + 1))
    earlier = length.over(order.rowsBetween(Window.unboundedPreceding, -1))
    placed = copies.withColumn("start", F.coalesce(earlier, F.lit(0)))
    kept = ~F.col("copy") & (F.col("start") < MAX_CHARACTERS)
    part = F.struct("start", F.expr(f"left(content, {MAX_CHARACTERS} - start)").alias("text"))
    texts = placed.groupBy("conversation_id").agg(
        F.min(F.struct("year", "month", "day")).alias("date"),
        F.count("*").alias("messages"),
        F.sort_array(F.collect_list(F.when(kept, part))).alias("parts"),
    )
    text = F.array_join("parts.text", "\n").alias("text")
    return texts.select("conversation_id", "date.*", "messages", text).mapInArrow(_tokenised, DOCUMENT)


def vocabulary(found: DataFrame, total: int) -> Vocabulary:
    """Count in how many of `total` documents each word is, and choose at most `MAX_WORDS`.

    Where no word is within `document_limits`, as in a single document, all words are taken.
    """
    word = F.explode(F.array_distinct("words")).alias("word")
    counted = found.select(word).groupBy("word").agg(F.count("*").alias("documents")).persist()
    kept = counted.where(F.col("documents").between(*document_limits(total)))
    first = _most_frequent(kept) or _most_frequent(counted)
    counted.unpersist()
    return Vocabulary.choose(first, total, min_documents=1, max_share=1)


@dataclass(frozen=True)
class Sample:
    """The documents that a model is learnt from, in an order of chance: rows, known words, and the words they have."""

    rows: DataFrame
    texts: list[list[str]]
    vocabulary: Vocabulary


def sample(found: DataFrame, words: Vocabulary, seed: int) -> Sample:
    """Choose at most `SAMPLE_DOCUMENTS` documents, by a hash of their id and the seed."""
    order = F.xxhash64("conversation_id", F.lit(seed)), F.col("conversation_id")
    cut = F.slice("words", 1, SAMPLE_WORDS).alias("words")
    rows = found.select("conversation_id", cut).orderBy(*order).limit(SAMPLE_DOCUMENTS)
    texts = _known(rows.select("words").toArrow()["words"], words)
    return Sample(rows, texts, words.seen_in(texts))


def _tokenised(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        texts = batch.column("text").to_pylist()
        words = pa.array([tokens(text) for text in texts], pa.list_(pa.string()))
        names = batch.schema.names[:-1]
        yield pa.RecordBatch.from_arrays([*batch.columns[:-1], words], [*names, "words"])


def _most_frequent(counted: DataFrame) -> dict[str, int]:
    rows = counted.orderBy(F.desc("documents"), "word").limit(MAX_WORDS).toArrow()
    return dict(zip(rows["word"].to_pylist(), rows["documents"].to_pylist(), strict=True))


def _known(texts: pa.ChunkedArray, words: Vocabulary) -> list[list[str]]:
    """Return the known words of each text; each word is one object, so that many texts stay small."""
    found: list[list[str]] = []
    for chunk in texts.chunks:
        flat = chunk.flatten().dictionary_encode()
        places = np.array([words.places.get(word, -1) for word in flat.dictionary.to_pylist()], dtype=np.int64)
        ids = places[flat.indices.to_numpy()] if len(places) else np.zeros(0, dtype=np.int64)
        ends = np.cumsum(chunk.value_lengths().to_numpy())[:-1]
        found += [[words.words[place] for place in part[part >= 0]] for part in np.split(ids, ends)]
    return found
