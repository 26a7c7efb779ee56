"""Reads a topic as the streams see it: what decodes, and the places of what does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from helix_pipeline.contracts.topics import Topic
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.settings import Settings
from helix_pipeline.stores.bus import Ranges, read_records

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
    partitions = pa.array([message.partition() for message in messages], pa.int32())
    offsets = pa.array([message.offset() for message in messages], pa.int64())
    times = pa.array([message.timestamp()[1] for message in messages], pa.timestamp("ms", tz="UTC"))
    decoded = decoder(topic).decode([message.value() for message in messages], partitions, offsets, times)
    rejected = pa.array([rejection.index for rejection in decoded.rejected], pa.int64())
    places = pa.table({"part": partitions, "off": offsets})
    return LogBatch(pa.Table.from_batches([decoded.rows]), places.take(rejected))
