"""The newest messages of a conversation, from Kafka itself: what the stores do not have yet."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.context.conversation import CONVERSATION, ordered
from helix_pipeline.services.context.coverage import Range
from helix_pipeline.services.context.holdings import LogEnd
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.stores.log_reader import UnreadError, decoded, partition_of

MESSAGE = MessageAdded.model_fields["event_type"].default


@dataclass(frozen=True)
class Tail:
    """Messages that were read from Kafka, as `ordered` makes them.

    `version` is the offset after the newest, 0 for none; `unread` says which records could not be read in the time
    allowed, empty for none.
    """

    messages: pa.Table
    version: int
    unread: str = ""


def log_end(stores: ContextStores, conversation_id: str) -> LogEnd:
    """Return where the records of a conversation are. Raises StoreError where Kafka does not answer."""
    state = stores.log.state()
    partition = partition_of(conversation_id.encode(), state.partitions)
    return LogEnd(state.topic_id, partition, *stores.log.ends(partition))


def tail(stores: ContextStores, conversation_id: str, partition: int, ranges: Sequence[Range]) -> Tail:
    """Return the messages of a conversation within these offsets of its partition.

    Reading ends after `context.tail_timeout_s`, sooner where the brokers are silent. Raises StoreError.
    """
    deadline, key = time.monotonic() + stores.settings.context.tail_timeout_s, conversation_id.encode()
    found, unread = [_rows([])], ""
    for start, end in ranges:
        reached = start
        try:
            for records in stores.log.read(partition, start, end, deadline):
                reached = records[-1].offset() + 1
                found.append(_rows([record for record in records if record.key() == key]))
        except UnreadError as error:
            unread = f"records {reached} to {end - 1} of partition {partition} could not be read: {error}"
            break
    rows = pa.concat_tables(found)
    newest = pc.max(rows["kafka_offset"]).as_py()
    return Tail(ordered(rows), 0 if newest is None else newest + 1, unread)


def _rows(records: list[Message]) -> pa.Table:
    """Return the messages that records hold; what breaks the contract, and other events, are left out."""
    rows = pa.Table.from_batches([decoded(CONVERSATIONS, records).rows])
    return rows.filter(pc.equal(rows["event_type"], MESSAGE)).select([*CONVERSATION.names, "kafka_offset"])
