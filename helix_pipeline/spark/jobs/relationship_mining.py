"""RelationshipMining: which entities belong together, and what messages state of them and when it held."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DoubleType, StructField, StructType

from helix_pipeline.contracts.job_tables.relationships import (
    COMMUNITIES,
    RELATION_INTERVALS,
    RELATION_STATEMENTS,
    RELATIONSHIPS,
)
from helix_pipeline.domain.knowledge import strength
from helix_pipeline.domain.relationships import association, direction
from helix_pipeline.domain.relationships.communities import communities
from helix_pipeline.errors import UsageError
from helix_pipeline.spark.contexts import (
    MESSAGE,
    PAIR,
    WINDOW,
    contexts,
    counted_entities,
    counted_pairs,
    with_entities,
    with_evidence,
)
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.named import in_graph, named, usable
from helix_pipeline.spark.statements import posted_statements, with_intervals, with_statements

MEASURES = (
    *("npmi", "lift", "p_value"),
    *("window_npmi", "window_lift", "window_p_value"),
    "direction_p_value",
)


@dataclass(frozen=True)
class Bounds:
    """What a run is asked for: messages of a window, messages that name a pair at least, and the share of chance."""

    window: int
    least: int
    max_fdr: float


@dataclass(frozen=True)
class Totals:
    """What the measures of all pairs refer to: messages and windows that name an entity, and a window's messages."""

    messages: int
    windows: int
    window: int


def run(job: JobRun) -> Result:
    """Return what the lake's entities have to do with each other.

    `relationships` are the pairs that belong together at the false discovery rate, `communities` clusters of them,
    `relation_statements` what messages state and what was posted, and `relation_intervals` when it held. Entities
    that `entity_aliases` calls one count as one, and only kinds that are nodes of the graph take part. Raises
    UsageError for a parameter out of its range.
    """
    bounds, table = _bounds(job), job.table("entities")
    # One shuffle: what follows goes by conversation, or by something within it, until pairs are counted.
    every = named(job, table).repartition("conversation_id").persist(StorageLevel.MEMORY_AND_DISK)
    mentions = every.where(in_graph())
    shared = contexts(mentions, bounds.window).persist(StorageLevel.MEMORY_AND_DISK)
    read, found = _read(table, mentions), _found(shared)
    related = _related(mentions, shared, bounds, read, found).persist(StorageLevel.MEMORY_AND_DISK)
    said, posted = with_statements(every, job.table("conversations")), posted_statements(job.table("knowledge"))
    stated = said.unionByName(posted).persist(StorageLevel.MEMORY_AND_DISK)
    return Result(
        {
            RELATIONSHIPS.name: with_evidence(related, shared),
            COMMUNITIES.name: clusters(related),
            RELATION_STATEMENTS.name: stated,
            RELATION_INTERVALS.name: with_intervals(stated),
        },
        rows_in=read.rows,
        rejected=read.rows - read.usable,
        metrics={"entities": read.entities, **found.asDict()},
    )


def with_measures(pairs: DataFrame, totals: Totals) -> DataFrame:
    """Add `MEASURES`, computed for whole Arrow batches on the executors."""
    schema = StructType([*pairs.schema.fields, *(StructField(name, DoubleType()) for name in MEASURES)])
    return pairs.mapInArrow(partial(_measured, totals=totals), schema)


def passing(pairs: DataFrame, entities: int, max_fdr: float) -> DataFrame:
    """Return the pairs whose association in messages or in windows passes `max_fdr`, with corrected p-values.

    The tests are those of all pairs of so many entities, also of those that never met. Of the pairs that pass,
    `introduced_by` says which of the two comes first, where that passes as well.
    """
    possible = F.lit(entities * (entities - 1) // 2)
    tested = corrected(corrected(pairs, "", possible), "window_", possible)
    related = tested.where((F.col("q_value") <= max_fdr) | (F.col("window_q_value") <= max_fdr))
    directed = corrected(related, "direction_", F.count("*").over(Window.partitionBy()))
    first = F.when(F.col("a_first") > F.col("b_first"), F.col("a_id")).otherwise(F.col("b_id"))
    return directed.withColumn("introduced_by", F.when(F.col("direction_q_value") <= max_fdr, first))


def corrected(pairs: DataFrame, prefix: str, tests: Column) -> DataFrame:
    """Add `q_value`: `p_value` corrected for so many tests (Benjamini and Hochberg 1995), those without a row having 1.

    The correction is about the order of all rows: they pass through one task, which Spark lets spill to disk.
    """
    p, q = f"{prefix}p_value", f"{prefix}q_value"
    falling = Window.orderBy(F.desc(p), *PAIR)
    rank = F.count("*").over(Window.partitionBy()) - F.row_number().over(falling) + 1
    bound = pairs.withColumn(q, F.col(p) * tests / rank)
    lowest = F.min(q).over(falling.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    return bound.withColumn(q, F.least(F.lit(1.0), lowest))


def with_strength(pairs: DataFrame, messages: int, latest: datetime | None) -> DataFrame:
    """Add `strength`, the association of pairs decayed to an instant: `domain.knowledge.strength`."""
    work = partial(_strengths, messages=messages, latest=latest)
    return pairs.mapInArrow(work, StructType([*pairs.schema.fields, StructField("strength", DoubleType())]))


def clusters(pairs: DataFrame) -> pa.Table:
    """Return `COMMUNITIES` of pairs so few that the driver can hold them."""
    read = pairs.select(*PAIR, "strength").toArrow()
    found = communities(*(read[name].to_pylist() for name in read.schema.names))
    sizes = Counter(found.values())
    columns = [*found], [*found.values()], [sizes[number] for number in found.values()]
    return pa.table(list(columns), schema=COMMUNITIES.schema)


def _strengths(batches: Iterable[pa.RecordBatch], messages: int, latest: datetime | None) -> Iterator[pa.RecordBatch]:
    now = latest.timestamp() * 1000 if latest else 0.0
    for batch in batches:
        both, a, b = (batch[name].to_numpy() for name in ("frequency", "a_frequency", "b_frequency"))
        last = batch["last_seen"].cast(pa.int64()).to_numpy() / 1000
        found = strength.association(both, a, b, messages) * strength.decay(last, now)
        yield pa.RecordBatch.from_arrays([*batch.columns, pa.array(found)], [*batch.schema.names, "strength"])


def _measured(batches: Iterable[pa.RecordBatch], totals: Totals) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        found = _association(batch, "", totals.messages, 1)
        found |= _association(batch, "window_", totals.windows, totals.window)
        sides = (batch[name].to_numpy() for name in ("a_first", "b_first"))
        found["direction_p_value"] = direction.p_value(*sides)
        added = [pa.array(found[name]) for name in MEASURES]
        yield pa.RecordBatch.from_arrays([*batch.columns, *added], [*batch.schema.names, *MEASURES])


def _association(batch: pa.RecordBatch, prefix: str, total: int, overlap: int) -> dict[str, association.Floats]:
    both, a, b = (batch[f"{of}{prefix}frequency"].to_numpy() for of in ("", "a_", "b_"))
    return {
        f"{prefix}npmi": association.npmi(both, a, b, total),
        f"{prefix}lift": association.lift(both, a, b, total),
        f"{prefix}p_value": association.p_value(both, a, b, total, overlap),
    }


def _bounds(job: JobRun) -> Bounds:
    window, least, max_fdr = (job.parameters[name] for name in ("window", "min_frequency", "max_fdr"))
    if window < 1 or least < 1 or not 0 <= max_fdr <= 1:
        given = f"window {window}, min_frequency {least}, max_fdr {max_fdr}"
        raise UsageError(f"bad parameters: {given}; the first two are 1 or more, the last is in [0, 1]")
    return Bounds(window, least, max_fdr)


def _related(mentions: DataFrame, shared: DataFrame, bounds: Bounds, read: Row, found: Row) -> DataFrame:
    """Return the pairs that belong together, with their measures and their strength."""
    least, window = bounds.least, bounds.window
    often = (F.col("frequency") >= least) | (F.col("window_frequency") >= least * window)
    pairs = with_entities(counted_pairs(shared).where(often), counted_entities(mentions, shared))
    measured = with_measures(pairs, Totals(found.messages, found.windows, window))
    return with_strength(passing(measured, read.entities, bounds.max_fdr), found.messages, read.latest)


def _read(table: DataFrame, mentions: DataFrame) -> Row:
    """Count the `rows` of a table of mentions, those that are `usable`, and their distinct `entities`.

    `latest` is the time of the last message that names one.
    """
    [rows] = table.agg(F.count("*").alias("rows"), F.count_if(usable()).alias("usable")).collect()
    [named] = mentions.agg(
        F.count_distinct("entity_id").alias("entities"), F.max("timestamp").alias("latest")
    ).collect()
    return Row(**rows.asDict(), **named.asDict())


def _found(shared: DataFrame) -> Row:
    """Count the `messages` and `windows` that name an entity, and the `entities_left_out` of crowded contexts."""
    [row] = shared.agg(
        F.count_if(F.col("kind") == MESSAGE).alias("messages"),
        F.count_if(F.col("kind") == WINDOW).alias("windows"),
        F.coalesce(F.sum("left_out"), F.lit(0)).alias("entities_left_out"),
    ).collect()
    return row
