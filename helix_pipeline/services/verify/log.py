"""Reads a topic as the streams see it: what decodes, and the places of what does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from helix_pipeline.contracts.topics import Topic
from helix_pipeline.settings import Settings
from helix_pipeline.stores.bus import Ranges, read_records
from helix_pipeline.stores.log_reader import decoded

BATCH_RECORDS = 2_000
"""Few enough that records of the largest size fit into memory, many enough for full speed."""


@dataclass(frozen=True, slots=True)
class LogBatch:
    """A batch of records: rows of the contract, and the (part, off) of records that break it."""

    rows: pa.Table
    unreadable: pa.Table

    @property
    def records(self) -> int:
        """Number of records in the batch."""
        return int(self.rows.num_rows + self.unreadable.num_rows)


def read_log(settings: Settings, topic: Topic, ranges: Ranges) -> Iterator[LogBatch]:
    """Yield the records of a topic within the ranges. Raises StoreError where Kafka does not answer."""
    for messages in read_records(settings, topic.name, ranges, BATCH_RECORDS):
        yield _decode(topic, messages)


def _decode(topic: Topic, messages: list[Any]) -> LogBatch:
    found = decoded(topic, messages)
    rejected = [messages[rejection.index] for rejection in found.rejected]
    places = {
        "part": pa.array([message.partition() for message in rejected], pa.int32()),
        "off": pa.array([message.offset() for message in rejected], pa.int64()),
    }
    return LogBatch(pa.Table.from_batches([found.rows]), pa.table(places))
