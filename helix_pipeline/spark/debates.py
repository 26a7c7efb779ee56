"""Whole debates on the executors: the debates of a run, each in one piece, as Arrow tables."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.spark.job_run import JobRun

DAY = timedelta(days=1)
"""How long a debate may go on past midnight: a run about a day reads the day before and after it too."""


def debate_events(job: JobRun, columns: Sequence[str | Column]) -> DataFrame:
    """Return the events of the debates that began in the run's partition, with `started_at`, their first event's time.

    Each debate is wholly in one partition of the result, its events one after another in order of time. Events later
    than `DAY` after the partition's last day are not looked for.
    """
    events = replace(job, input=job.input_root, day=None).table("debates")
    if job.partition:
        first, last = _days(job.partition)
        events = events.where(F.make_date("year", "month", "day").between(F.lit(first - DAY), F.lit(last + DAY)))
    began = F.min("timestamp").over(Window.partitionBy("debate_id"))
    found = events.select(*columns).repartition("debate_id").withColumn("started_at", began)
    for name, value in job.partition.items():
        found = found.where(getattr(F, name)("started_at") == value)
    return found.sortWithinPartitions("debate_id", "timestamp", "event_id")


def whole(batches: Iterable[pa.RecordBatch], key: str) -> Iterator[pa.Table]:
    """Yield the rows of sorted batches again, in tables that end where `key` changes: no value is in two of them."""
    held: list[pa.RecordBatch] = []
    for batch in filter(len, batches):
        values = batch.column(key)
        cut = pc.index(values, values[-1]).as_py()
        if held and (cut or held[-1].column(key)[-1] != values[-1]):
            yield pa.Table.from_batches([*held, batch.slice(0, cut)])
            held = []
        elif cut:
            yield pa.Table.from_batches([batch.slice(0, cut)])
        held.append(batch.slice(cut))
    if held:
        yield pa.Table.from_batches(held)


def whole_debates(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the batches of `debate_events` as tables of whole debates, each event once however often it was sent."""
    for table in whole(batches, "debate_id"):
        place = pa.array(np.arange(len(table)))
        events = pa.table([table["debate_id"], table["event_id"], place], ["debate", "event", "place"])
        firsts = events.group_by(["debate", "event"], use_threads=False).aggregate([("place", "min")])
        yield table.take(firsts["place_min"]) if len(firsts) < len(table) else table


def _days(partition: dict[str, int]) -> tuple[date, date]:
    """Return the first and the last day of a year, month or day."""
    year, month, day = (partition.get(name) for name in ("year", "month", "day"))
    assert year is not None
    last_month = month or 12
    return date(year, month or 1, day or 1), date(year, last_month, day or monthrange(year, last_month)[1])
