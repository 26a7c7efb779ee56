"""What each store has of a conversation, and of which records of its partition the store is sure to have all.

The hot copy is sure of what its query noted after each batch (`stream_progress`): the rows of a batch become visible
bit by bit, so the newest row says nothing. The lake is sure of what its newest commit says (`stores.lake_reach`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.services.context.conversation import Pages, Source
from helix_pipeline.services.context.coverage import Range
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.stores import hot_copy, lake_conversation
from helix_pipeline.stores.lake_reach import reach_in


@dataclass(frozen=True)
class LogEnd:
    """The partition of a conversation: the first offset that Kafka keeps, and the one after the last."""

    topic_id: str
    partition: int
    low: int
    high: int


@dataclass(frozen=True)
class Holding:
    """What a source has of a conversation, before Kafka's newest records are added.

    `held` are the offsets that it has all records of; `sequence` the number of each message, int64[messages];
    `version` the offset after the newest message, 0 for none. `read(after, rows)` yields the messages with sequence
    numbers from `after` on, a table of `CONVERSATION` for each range of numbers, the ranges in order, of about so many
    rows where they need not be in memory anyway. `nbytes` is what it keeps in memory itself. `lacks` says what the
    source may have lost, empty for nothing.
    """

    source: Source
    held: list[Range]
    sequence: NDArray[np.int64]
    version: int
    read: Pages
    nbytes: int
    lacks: str = ""


def hot_copy_of(stores: ContextStores, conversation_id: str, log: LogEnd | None) -> Holding:
    """Return what ClickHouse has. Raises StoreError."""

    def look(client: Client) -> tuple[list[Range], hot_copy.Outline]:
        held = hot_copy.held(client, log.topic_id).get(log.partition, []) if log else []
        return held, hot_copy.outline(client, conversation_id)

    def read(after: int, rows: int) -> Iterator[pa.Table]:
        for first, last in found.pages(after, rows):
            yield stores.ask_house(partial(hot_copy.rows, conversation_id=conversation_id, first=first, last=last))

    held, found = stores.ask_house(look)
    version = _version(found.kafka_offset, found.kafka_partition, log)
    return Holding("clickhouse", held, found.sequence, version, read, found.nbytes, _expired(stores))


def lake_of(stores: ContextStores, conversation_id: str, log: LogEnd | None) -> Holding:
    """Return what the lake has. Raises StoreError, also where there is no table yet."""
    target = stores.lake()
    reach = reach_in(target, log.topic_id, log.partition) if log else None
    found = lake_conversation.messages(target, conversation_id)
    sequence = found["sequence"].to_numpy().astype(np.int64)
    offsets, partitions = (found[name].to_numpy() for name in ("kafka_offset", "kafka_partition"))

    def read(after: int, _: int) -> Iterator[pa.Table]:
        later = found.filter(pc.greater_equal(found["sequence"], after))
        yield later.select(CONVERSATION.names).cast(CONVERSATION)

    return Holding("lake", [reach] if reach else [], sequence, _version(offsets, partitions, log), read, found.nbytes)


def nothing() -> Holding:
    """Return what there is where Kafka is all that is left."""
    return Holding("kafka", [], np.empty(0, np.int64), 0, lambda *_: iter(()), 0)


def _version(offsets: NDArray[np.int64], partitions: NDArray[np.int64], log: LogEnd | None) -> int:
    own = offsets[partitions == log.partition] if log else offsets
    return int(own.max()) + 1 if len(own) else 0


def _expired(stores: ContextStores) -> str:
    """Return what the hot copy may have lost of a conversation whose numbers do not run through."""
    days = stores.settings.retention.clickhouse_days
    return f"it may lack the first messages: they leave the hot copy after {days} days"
