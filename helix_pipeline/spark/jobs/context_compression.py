"""ContextCompression: for each conversation over a budget of tokens, the cut of it that a model would be served.

Spark counts tokens where the files are, brings each conversation together once, and keeps those over the budget. They
are cut in stretches of `STRETCH` messages, so that a worker's memory does not depend on how long a conversation is;
what stays of one is joined into a row at the end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables.contexts import COMPRESSED_CONTEXTS, KEPT_MESSAGE
from helix_pipeline.contracts.rows import PARTITION_COLUMNS, TIMESTAMP
from helix_pipeline.domain.context.compression import STRATEGY, compress, message_tokens
from helix_pipeline.errors import UsageError
from helix_pipeline.spark.job_run import JobRun, Result

STRETCH = 20_000
"""Messages that are cut together; docs/JOBS.md says what memory they take."""

SMALL_TARGET = 400
"""Tokens under which 2 % of a target are less than a speaker and a word: `short_of_target` leaves those out."""

NEEDED = ("conversation_id", "event_id", "message_id", "sequence", "timestamp", "name", "role", "content")
COUNTED = pa.schema(
    [
        pa.field("conversation_id", pa.string()),
        pa.field("event_id", pa.string()),
        *(field for field in KEPT_MESSAGE if field.name != "complete"),
        pa.field("tokens", pa.int64()),
    ]
)
CUT = pa.schema(
    [
        pa.field("conversation_id", pa.string()),
        pa.field("stretch", pa.int64()),
        pa.field("kept", pa.list_(KEPT_MESSAGE)),
        pa.field("compressed_tokens", pa.int64()),
        pa.field("original_messages", pa.int64()),
        pa.field("original_tokens", pa.int64()),
        pa.field("first_message", TIMESTAMP),
        pa.field("last_message", TIMESTAMP),
    ]
)
OF_CONVERSATION = CUT.names[4:]


def run(job: JobRun) -> Result:
    """Return `compressed_contexts`; of a day, or another period, those of the conversations that began in it.

    Raises UsageError for a budget, a ratio or a share that makes no sense.
    """
    budget, ratio, recent = (job.parameters[name] for name in ("budget", "ratio", "recent"))
    if budget < 1 or not 0 < ratio < 1 or not 0 <= recent <= 1:
        given = f"budget={budget}, ratio={ratio}, recent={recent}"
        raise UsageError(f"{given}: budget must be at least 1, ratio between 0 and 1, recent from 0 to 1")
    messages = read(job)
    rows = messages.agg(F.count("*").alias("all"), F.count_if(usable()).alias("usable")).head()
    together = with_totals(counted(messages.where(usable()))).where(_began_in(job))
    contexts = joined(cut(together.where(F.col("original_tokens") > budget), ratio, recent), ratio)
    contexts.persist(StorageLevel.MEMORY_AND_DISK)
    return Result({COMPRESSED_CONTEXTS.name: contexts}, rows["all"], rows["all"] - rows["usable"], figures(contexts))


def read(job: JobRun) -> DataFrame:
    """Return all messages of the conversations that have any in the run's period."""
    events = replace(job, input=job.input_root, day=None).table("conversations")
    messages = events.where(F.col("event_type") == MessageAdded.model_fields["event_type"].default)
    if job.partition:
        messages = messages.join(job.table("conversations").select("conversation_id"), "conversation_id", "leftsemi")
    return messages.select(*NEEDED)


def usable() -> Column:
    """Tell whether a message has a text and belongs to a conversation."""
    return F.col("content").isNotNull() & F.col("conversation_id").isNotNull()


def counted(messages: DataFrame) -> DataFrame:
    """Return the messages with their speaker and their tokens, as `COUNTED`."""
    return messages.mapInArrow(_count, from_arrow_schema(COUNTED))


def _count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        speakers, texts = pc.coalesce(batch["name"], batch["role"], ""), batch["content"]
        tokens = map(message_tokens, speakers.to_pylist(), texts.to_pylist())
        columns = {name: batch[name] for name in COUNTED.names if name in batch.schema.names}
        columns |= {"speaker": speakers, "text": texts, "tokens": pa.array(tokens, pa.int64())}
        yield pa.RecordBatch.from_pydict(columns).select(COUNTED.names).cast(COUNTED)


def with_totals(messages: DataFrame) -> DataFrame:
    """Add to each message its place, the tokens up to it, and the figures of its conversation; a copy is left out."""
    conversation = Window.partitionBy("conversation_id")
    order = conversation.orderBy("sequence", "timestamp", "event_id")
    first = F.coalesce(F.lag("event_id").over(order) != F.col("event_id"), F.lit(True))
    distinct = messages.withColumn("first", first).where("first").drop("first")
    return distinct.withColumns(
        {
            "place": F.row_number().over(order) - 1,
            "tokens_so_far": F.sum("tokens").over(order),
            "original_messages": F.count("*").over(conversation),
            "original_tokens": F.sum("tokens").over(conversation),
            "first_message": F.min("timestamp").over(conversation),
            "last_message": F.max("timestamp").over(conversation),
        }
    )


def _began_in(job: JobRun) -> Column:
    found = F.lit(True)
    for name, value in job.partition.items():
        found &= getattr(F, name)("first_message") == value
    return found


def cut(messages: DataFrame, ratio: float, recent: float) -> DataFrame:
    """Return what stays of each stretch of the conversations, as `CUT`."""
    stretches = messages.groupBy("conversation_id", F.floor(F.col("place") / STRETCH).alias("stretch"))
    # A lambda: of functions with type hints PySpark takes those with one parameter only.
    return stretches.applyInArrow(lambda stretch: _cut(stretch, ratio, recent), from_arrow_schema(CUT))


def _cut(messages: pa.Table, ratio: float, recent: float) -> pa.Table:
    """Cut a stretch to its part of the target; the newest messages are those of the last stretch."""
    messages = messages.sort_by("place")
    first, last = messages.slice(0, 1).to_pylist()[0], messages.slice(messages.num_rows - 1).to_pylist()[0]
    target = int(ratio * last["tokens_so_far"]) - int(ratio * (first["tokens_so_far"] - first["tokens"]))
    at_end = last["place"] == last["original_messages"] - 1
    newest = min(1.0, recent * ratio * last["original_tokens"] / target) if at_end and target else 0.0
    speakers = messages["speaker"].to_pylist()
    kept = compress(speakers, messages["text"].to_pylist(), target, newest)
    row = {name: last[name] for name in ("conversation_id", *OF_CONVERSATION)} | {"stretch": first["place"]}
    row["compressed_tokens"] = sum(message_tokens(speakers[part.place], part.text) for part in kept)
    about = messages.select(["message_id", "sequence", "timestamp", "speaker"]).take([part.place for part in kept])
    said = ({"text": part.text, "complete": part.complete} for part in kept)
    row["kept"] = [message | text for message, text in zip(about.to_pylist(), said, strict=True)]
    return pa.Table.from_pylist([row], CUT)


def joined(stretches: DataFrame, ratio: float) -> DataFrame:
    """Join the stretches of each conversation, as `COMPRESSED_CONTEXTS`."""
    parts = F.array_sort(F.collect_list(F.struct("stretch", "kept")))
    sums = stretches.groupBy("conversation_id").agg(
        F.flatten(parts["kept"]).alias("messages"),
        F.sum("compressed_tokens").alias("compressed_tokens"),
        *(F.first(name).alias(name) for name in OF_CONVERSATION),
    )
    date = {name: getattr(F, name)("first_message") for name in PARTITION_COLUMNS}
    added = {
        "strategy": F.lit(STRATEGY),
        "kept_messages": F.size("messages"),
        "target_tokens": F.floor(F.lit(ratio) * F.col("original_tokens")),
        "ratio": F.col("compressed_tokens") / F.col("original_tokens"),
        "target_ratio": F.lit(ratio),
    }
    return sums.withColumns(added | date).select(*COMPRESSED_CONTEXTS.schema.names)


def figures(contexts: DataFrame) -> dict[str, float]:
    """Return how many contexts there are, their tokens, how many are over their target and how far one is under it."""
    short = 1 - F.col("compressed_tokens") / F.col("target_tokens")
    row: Row = contexts.agg(
        F.count("*").alias("compressed_conversations"),
        F.sum("original_tokens").alias("original_tokens"),
        F.sum("compressed_tokens").alias("compressed_tokens"),
        F.count_if(F.col("compressed_tokens") > F.col("target_tokens")).alias("over_target"),
        F.max(F.when(F.col("target_tokens") >= SMALL_TARGET, short)).alias("short_of_target"),
    ).head()
    return {name: float(value or 0) for name, value in row.asDict().items()}
