"""What a table of a batch job is: its name, the schema that a job's rows have, and how it is partitioned."""

from dataclasses import dataclass

import pyarrow as pa

PERIOD = pa.field("period", pa.string())
"""What the rows of an aggregate are about: `all`, a year, a month or a day such as `2026-01-30`."""

DATE_FIELDS = tuple(pa.field(name, pa.int32()) for name in ("year", "month", "day"))
"""The UTC date of a row that belongs to one event or conversation, as in the lake's own tables."""


@dataclass(frozen=True)
class JobTable:
    """A Delta table that a job replaces its part of.

    `dated` tables have one row per event or conversation and carry `DATE_FIELDS` in their schema; they are
    partitioned by year and month. The others are aggregates: the runner adds `PERIOD` and partitions by it.
    """

    name: str
    schema: pa.Schema
    dated: bool = False

    @property
    def stored(self) -> pa.Schema:
        """Return the schema of the table as it lies in the lake."""
        return self.schema if self.dated else pa.schema([*self.schema, PERIOD])

    @property
    def partitions(self) -> tuple[str, ...]:
        """Return the partition columns."""
        return ("year", "month") if self.dated else (PERIOD.name,)
