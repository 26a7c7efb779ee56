"""ContextCompression: for each conversation over a budget of tokens, the cut of it that a model would be served.

It is cut by the function that the API uses (`domain.context.engine.compress`), in stretches, so that a worker's memory
does not depend on how long a conversation is, and so that new messages do not have the whole cut again.
"""

from dataclasses import replace
from typing import Any

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline import __version__
from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables.contexts import COMPRESSED_CONTEXTS, KEPT_MESSAGE
from helix_pipeline.contracts.rows import PARTITION_COLUMNS
from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.domain.context.engine import Analysis, analysed, compress
from helix_pipeline.domain.context.layout import laid_out
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.errors import UsageError
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.lake_tables import previous
from helix_pipeline.spark.stretches import stretches

SMALL_TARGET = 400
"""Tokens under which 2 % of a target are less than a speaker and a word: `short_of_target` leaves those out."""

_SAID = tuple(field.name for field in KEPT_MESSAGE)


def run(job: JobRun) -> Result:
    """Return `compressed_contexts`; of a day, or another period, those of the conversations that began in it.

    Raises UsageError for a budget or a ratio that makes no sense.
    """
    budget, ratio = job.parameters["budget"], job.parameters["ratio"]
    if budget < 1 or not 0 < ratio < 1:
        raise UsageError(f"budget={budget}, ratio={ratio}: budget must be at least 1, ratio between 0 and 1")
    request = CompressionRequest(ratio=ratio)
    messages = read(job)
    rows = messages.agg(F.count("*").alias("all"), F.count_if(_usable()).alias("usable")).head()
    left = stretches(messages.where(_usable()), earlier(job, request), budget, job.partition)
    contexts = over_budget(left.final.unionByName(cut(left.messages, request)), budget)
    contexts.persist(StorageLevel.MEMORY_AND_DISK)
    figures = {**_figures(contexts), "stretches_kept": float(left.final.count())}
    return Result({COMPRESSED_CONTEXTS.name: contexts}, rows["all"], rows["all"] - rows["usable"], figures)


def read(job: JobRun) -> DataFrame:
    """Return all messages of the conversations that have any in the run's period."""
    events = replace(job, input=job.input_root, day=None).table("conversations")
    messages = events.where(F.col("event_type") == MessageAdded.model_fields["event_type"].default)
    if job.partition:
        messages = messages.join(job.table("conversations").select("conversation_id"), "conversation_id", "leftsemi")
    return messages.select(*CONVERSATION.names)


def _usable() -> Any:
    return F.col("content").isNotNull() & F.col("conversation_id").isNotNull()


def earlier(job: JobRun, request: CompressionRequest) -> DataFrame:
    """Return the contexts of this period that an earlier run of this release made in the same way."""
    columns = from_arrow_schema(COMPRESSED_CONTEXTS.schema)
    found = previous(job.spark, job.output_root, COMPRESSED_CONTEXTS)
    if found is None or "version" not in found.columns:
        return job.spark.createDataFrame([], columns)
    alike = {"version": __version__, "strategy": request.strategy, "target_ratio": request.ratio, **job.partition}
    for name, value in alike.items():
        found = found.where(F.col(name) == value)
    return found.select(*columns.names)


def cut(messages: DataFrame, request: CompressionRequest) -> DataFrame:
    """Return each stretch of the messages within its part of the budget, as `COMPRESSED_CONTEXTS`."""
    grouped = messages.groupBy("conversation_id", "stretch")
    # A lambda: of functions with type hints PySpark takes those with one parameter only.
    return grouped.applyInArrow(lambda rows: _cut(rows, request), from_arrow_schema(COMPRESSED_CONTEXTS.schema))


def _cut(rows: pa.Table, request: CompressionRequest) -> pa.Table:
    messages = rows.sort_by([(name, "ascending") for name in ("sequence", "timestamp", "event_id")])
    known = analysed(messages.select(CONVERSATION.names).cast(CONVERSATION).combine_chunks())
    try:
        made = _row(compress(known, request))
    except UsageError:
        made = _nothing(known, request)
    first, last = (messages.slice(place, 1).to_pylist()[0] for place in (0, messages.num_rows - 1))
    row = made | {name: last[name] for name in ("conversation_id", "stretch", "closed")}
    row |= {"first_message": first["timestamp"], "target_ratio": request.ratio, "version": __version__}
    row |= {f"last_{name}": last[column] for name, column in _LAST.items()}
    row |= {name: getattr(last["began"], name) for name in PARTITION_COLUMNS}
    return pa.Table.from_pylist([row], COMPRESSED_CONTEXTS.schema)


_LAST = {"message": "timestamp", "sequence": "sequence", "event_id": "event_id"}


def _row(context: CompressedContext) -> dict[str, Any]:
    kept, stats = (*context.selected, *context.recent), context.stats
    return {
        "strategy": stats.strategy,
        "original_messages": stats.original_messages,
        "kept_messages": len(kept),
        "original_tokens": stats.original_tokens,
        "target_tokens": stats.budget_tokens,
        "compressed_tokens": stats.compressed_tokens,
        "ratio": stats.ratio,
        "quality_score": stats.quality_score,
        "summary": context.summary,
        "key_entities": list(context.key_entities),
        "key_decisions": list(context.key_decisions),
        "messages": [{name: getattr(one, name) for name in _SAID} for one in kept],
    }


def _nothing(known: Analysis, request: CompressionRequest) -> dict[str, Any]:
    """Return what there is of a stretch whose part of the budget does not hold a word; `too_small` counts these."""
    tokens = laid_out(known.messages, known.text, counter(request.encoding)).original
    sizes = {
        "original_messages": len(known.messages),
        "original_tokens": tokens,
        "target_tokens": request.budget(tokens),
    }
    nothing = {"kept_messages": 0, "compressed_tokens": 0, "ratio": 0.0, "quality_score": 0.0, "summary": ""}
    return {"strategy": request.strategy, **sizes, **nothing, "key_entities": [], "key_decisions": [], "messages": []}


def over_budget(contexts: DataFrame, budget: int) -> DataFrame:
    """Return the contexts of conversations of more tokens than the budget."""
    total = F.sum("original_tokens").over(Window.partitionBy("conversation_id"))
    return contexts.withColumn("total", total).where(F.col("total") > budget).drop("total")


def _figures(contexts: DataFrame) -> dict[str, float]:
    """Return how many contexts there are, their tokens, how many are over their target and how far one is under it."""
    short = 1 - F.col("compressed_tokens") / F.col("target_tokens")
    row: Row = contexts.agg(
        F.count_distinct("conversation_id").alias("compressed_conversations"),
        F.sum("original_tokens").alias("original_tokens"),
        F.sum("compressed_tokens").alias("compressed_tokens"),
        F.count_if(F.col("compressed_tokens") > F.col("target_tokens")).alias("over_target"),
        F.count_if(F.col("kept_messages") == 0).alias("too_small"),
        F.max(F.when(F.col("target_tokens") >= SMALL_TARGET, short)).alias("short_of_target"),
    ).head()
    return {name: float(value or 0) for name, value in row.asDict().items()}
