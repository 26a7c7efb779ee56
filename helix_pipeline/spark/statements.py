"""What the lake's messages and posted relationships state: the functions of the stream, on Spark's executors."""

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables.relationships import RELATION_INTERVALS, RELATION_STATEMENTS
from helix_pipeline.contracts.rows import PARTITION_COLUMNS, TIMESTAMP
from helix_pipeline.domain.entities.extraction import MENTIONS
from helix_pipeline.domain.graph.knowledge import COLUMNS as KNOWLEDGE
from helix_pipeline.domain.graph.knowledge import RELATIONSHIP_STATED, relationships
from helix_pipeline.domain.relationships.intervals import Interval, Source, Statement, intervals
from helix_pipeline.domain.relationships.stated import STATED, milliseconds, rows, stated
from helix_pipeline.domain.relationships.statements import speaker, statements

MESSAGE = ("conversation_id", "message_id")
_COPY = ("kafka_partition", "kafka_offset")
_OF_MENTION = ("start", "end", "surface", "entity_id", "entity_type", "entity_subtype", "confidence")
_OF_MESSAGE = (*MESSAGE, "content", "role", "user_id", "timestamp", "ingested_at", *PARTITION_COLUMNS)
_BATCH = 10_000
_TIMES = ("stated_at", "learnt_at")


def with_statements(mentions: DataFrame, conversations: DataFrame) -> DataFrame:
    """Return what the messages state as `RELATION_STATEMENTS`, from a frame of `ENTITIES` and the lake's messages.

    Of the copies of a message the first counts whose text has the mentions where they are said to be.
    """
    named = mentions.groupBy(*MESSAGE).agg(F.array_sort(F.collect_set(F.struct(*_OF_MENTION))).alias("mentions"))
    messages = conversations.where(F.col("event_type") == MessageAdded.model_fields["event_type"].default)
    found = messages.select(*_OF_MESSAGE, *_COPY).join(named, list(MESSAGE)).where(F.forall("mentions", _is_there))
    return _first(found, *MESSAGE).mapInArrow(_stated, from_arrow_schema(RELATION_STATEMENTS.schema))


def posted_statements(knowledge: DataFrame) -> DataFrame:
    """Return the relationships that someone posted, from the lake's knowledge events, as `RELATION_STATEMENTS`."""
    related = knowledge.where(F.col("event_type") == RELATIONSHIP_STATED)
    columns = related.select(*KNOWLEDGE, *PARTITION_COLUMNS, *_COPY)
    return _first(columns, "event_id").mapInArrow(_posted, from_arrow_schema(RELATION_STATEMENTS.schema))


def with_intervals(found: DataFrame) -> DataFrame:
    """Return the intervals of a frame of `RELATION_STATEMENTS` as `RELATION_INTERVALS`.

    All statements about a subject go through one task together.
    """
    gathered = found.repartition("subject_id").sortWithinPartitions("subject_id")
    return gathered.mapInArrow(_intervals, from_arrow_schema(RELATION_INTERVALS.schema))


def _first(rows: DataFrame, *key: str) -> DataFrame:
    """Keep the first copy of each row, which may have been delivered more than once."""
    copies = Window.partitionBy(*key).orderBy(*_COPY)
    return rows.withColumn("copy", F.row_number().over(copies)).where("copy = 1").drop("copy", *_COPY)


def _is_there(mention: Column) -> Column:
    length = mention["end"] - mention["start"]
    return F.col("content").substr(mention["start"] + 1, length) == mention["surface"]


def _stated(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        who = zip(batch["role"].to_pylist(), batch["user_id"].to_pylist(), strict=True)
        found = statements(batch["content"].to_pylist(), _mentions(batch["mentions"]), [speaker(*one) for one in who])
        about = batch.take(found["row"].combine_chunks())
        columns = {name: about[name] for name in PARTITION_COLUMNS} | {name: found[name] for name in ("start", "end")}
        placed = stated(found, batch)
        yield from _written(columns, placed)


def _posted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        placed = pa.Table.from_pylist([one._asdict() for one in relationships(batch)], STATED)
        nowhere = pa.nulls(len(batch), pa.int32())
        columns = {name: batch[name] for name in PARTITION_COLUMNS} | {"start": nowhere, "end": nowhere}
        yield from _written(columns, placed)


def _written(columns: dict[str, pa.Array], placed: pa.Table) -> Iterator[pa.RecordBatch]:
    columns |= {name: placed[name] for name in STATED.names} | {"statement_id": placed["id"]}
    columns |= {name: _time(placed[name]) for name in _TIMES}
    schema = RELATION_STATEMENTS.schema
    yield from pa.table(columns).select(schema.names).cast(schema).to_batches()


def _mentions(listed: pa.ListArray) -> pa.Table:
    """Return lists of mentions, one for each text, as the columns of `MENTIONS` that statements are read from."""
    flat = listed.flatten()
    columns = {name: flat.field(name) for name in _OF_MENTION}
    columns |= {"row": listed.value_parent_indices(), "type": columns["entity_type"]}
    columns |= {"subtype": columns["entity_subtype"], "entity_name": columns["surface"], "reason": columns["surface"]}
    return pa.table(columns).select(MENTIONS.names).cast(MENTIONS)


def _intervals(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the intervals of a task's statements, which come by subject: one at a time is held."""
    read = chain.from_iterable(map(_statements, batches))
    held = (_row(one) for _, about in groupby(read, key=lambda one: one.subject_id) for one in intervals(about))
    while part := list(islice(held, _BATCH)):
        yield from pa.Table.from_pylist(part, RELATION_INTERVALS.schema).to_batches()


def _statements(batch: pa.RecordBatch) -> Iterator[Statement]:
    columns = {name: batch[name] for name in STATED.names if name in batch.schema.names}
    columns |= {name: milliseconds(batch[name]) for name in _TIMES}
    return rows(pa.table({**columns, "id": batch["statement_id"]}))


def _row(one: Interval) -> dict[str, Any]:
    times = ("valid_from", "valid_to", "learnt_at", "closed_at", "last_stated")
    found = one._asdict() | {name: _instant(getattr(one, name)) for name in times}
    closed = one.closed_by and {"statement_id": one.closed_by.id, **_place(one.closed_by)}
    return {**found, "closed_by": closed, "evidence": [_place(source) for source in one.evidence]}


def _place(source: Source) -> dict[str, str]:
    return {name: getattr(source, name) for name in MESSAGE}


def _instant(milliseconds: int | None) -> int | None:
    """Return a time in the unit of `TIMESTAMP`."""
    return None if milliseconds is None else milliseconds * 1000


def _time(milliseconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return milliseconds.cast(pa.timestamp("ms", tz="UTC")).cast(TIMESTAMP)
