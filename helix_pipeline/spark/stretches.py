"""Conversations in stretches of messages, and which of these are still to be cut: what ContextCompression goes by.

A stretch is closed once another one follows it: its messages do not change any more, so what was made of it stays. A
conversation is taken anew as a whole where messages came in before the end of a closed stretch, or some are gone.
"""

from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.rows import PARTITION_COLUMNS

STRETCH = 5_000
"""Messages of a stretch; the last one has up to twice as many, so that it is never a handful."""

_ORDER = ("sequence", "timestamp", "event_id")
_LAST = ("last_sequence", "last_message", "last_event_id")


@dataclass(frozen=True)
class Stretches:
    """`final` are the rows of an earlier run that stay; `messages` are those to cut, with their `stretch`.

    Of its conversation each message has `began`, the time of the first message, and `closed`, whether another stretch
    follows.
    """

    final: DataFrame
    messages: DataFrame


def stretches(messages: DataFrame, earlier: DataFrame, least: int, partition: dict[str, int]) -> Stretches:
    """Return what is left to do, given the rows of an earlier run (`COMPRESSED_CONTEXTS`).

    Of `messages` only conversations count that have `least` bytes or more, and that began in the partition.
    """
    of_conversation = _conversations(messages, earlier, least, partition).persist(StorageLevel.MEMORY_AND_DISK)
    reused = earlier.join(of_conversation.select("conversation_id", "unchanged", "until"), "conversation_id")
    final = reused.where(F.col("unchanged") | (F.col("closed") & F.col("until").isNotNull())).select(earlier.columns)
    changed = of_conversation.where(~F.col("unchanged"))
    new = messages.join(changed, "conversation_id").where(F.col("until").isNull() | (_at(_ORDER) > F.col("until")))
    return Stretches(final, _placed(new))


def _conversations(messages: DataFrame, earlier: DataFrame, least: int, partition: dict[str, int]) -> DataFrame:
    """Return of each conversation when it began, whether anything is new, and up to where it is closed."""
    known = earlier.groupBy("conversation_id").agg(
        F.sum("original_messages").alias("known"),
        F.coalesce(F.sum(F.when(F.col("closed"), F.col("original_messages"))), F.lit(0)).alias("before"),
        F.count_if("closed").alias("closed_stretches"),
        F.max(F.when(F.col("closed"), _at(_LAST))).alias("closed_until"),
    )
    counted = (
        messages.join(known, "conversation_id", "left")
        .groupBy("conversation_id")
        .agg(
            F.count("*").alias("now"),
            F.min("timestamp").alias("began"),
            F.sum(F.octet_length("content")).alias("bytes"),
            F.count_if(_at(_ORDER) <= F.col("closed_until")).alias("found_before"),
            *(F.first(name).alias(name) for name in ("known", "before", "closed_stretches", "closed_until")),
        )
    )
    in_order = F.coalesce(F.col("found_before") == F.col("before"), F.lit(False))
    taken = {
        "unchanged": in_order & (F.col("now") == F.col("known")),
        "until": F.when(in_order, F.col("closed_until")),
        "before": F.when(in_order, F.col("before")).otherwise(0),
        "closed_stretches": F.when(in_order, F.col("closed_stretches")).otherwise(0),
    }
    return counted.withColumns(taken).where((F.col("bytes") >= least) & _in(partition, F.col("began")))


def _placed(messages: DataFrame) -> DataFrame:
    """Add each message's stretch; of an event that is there twice one stays."""
    conversation = Window.partitionBy("conversation_id")
    order = conversation.orderBy(*_ORDER)
    first = F.coalesce(F.lag("event_id").over(order) != F.col("event_id"), F.lit(True))
    distinct = messages.withColumn("first", first).where("first").drop("first")
    last = F.greatest(F.floor(F.count("*").over(conversation) / STRETCH) - 1, F.lit(0))
    stretch = F.least(F.floor((F.row_number().over(order) - 1) / STRETCH), last)
    return distinct.withColumns({"closed": stretch < last, "stretch": stretch + F.col("closed_stretches")})


def _at(names: tuple[str, ...]) -> Column:
    """Return the place of a message in the order of its conversation."""
    return F.struct(*(F.col(name).alias(key) for name, key in zip(names, _ORDER, strict=True)))


def _in(partition: dict[str, int], at: Column) -> Column:
    found = F.lit(True)
    for name in PARTITION_COLUMNS:
        if name in partition:
            found &= getattr(F, name)(at) == partition[name]
    return found
