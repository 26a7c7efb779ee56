"""The hot copy of the conversations in ClickHouse, for those who read one conversation at a time.

Pages are ranges of sequence numbers: each is one range of the primary key, and the memory that it takes is known before
it is read. Nothing is sorted by the server.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from helix_pipeline.domain.context.conversation import CONVERSATION

TABLE = "conversation_messages"
PAGE_BYTES = 16 << 20
MESSAGE_BYTES = 200
"""What a message takes besides its text, about."""

_OUTLINE = f"SELECT sequence, length(content) AS bytes, kafka_offset, kafka_partition FROM {TABLE} WHERE {{where}}"  # noqa: S608
_ROWS = f"SELECT {', '.join(CONVERSATION.names)} FROM {TABLE} WHERE {{where}}"  # noqa: S608 - names of columns
_OF = "conversation_id = {id:String}"
_WITHIN = f"{_OF} AND sequence BETWEEN {{first:Int64}} AND {{last:Int64}}"
_HELD = """
SELECT kafka_partition, min(first_offset), max(next_offset) FROM stream_progress
WHERE table_name = {table:String} AND topic_id = {topic:String} GROUP BY kafka_partition, query_id
"""
_OF_USER = """
SELECT conversation_id FROM conversation_messages WHERE user_id = {user:String}
GROUP BY conversation_id ORDER BY max(timestamp) DESC, conversation_id LIMIT {limit:UInt32}
"""


@dataclass(frozen=True)
class Outline:
    """What the hot copy has of a conversation, without the texts: a row for each message, in no order.

    `sequence`, `bytes` (of the text), `kafka_offset` and `kafka_partition`, all int64[messages].
    """

    sequence: NDArray[np.int64]
    bytes: NDArray[np.int64]
    kafka_offset: NDArray[np.int64]
    kafka_partition: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Bytes that the outline itself takes."""
        return int(4 * self.sequence.nbytes)

    def pages(self, after: int, page_rows: int, page_bytes: int = PAGE_BYTES) -> Iterator[tuple[int, int]]:
        """Yield ranges of sequence numbers, both ends included, from `after` on, of about so many messages and bytes.

        All messages with one sequence number are in one range.
        """
        wanted = self.sequence >= after
        order = np.argsort(self.sequence[wanted], kind="stable")
        sequence, size = self.sequence[wanted][order], self.bytes[wanted][order] + MESSAGE_BYTES
        filled = np.stack([np.cumsum(size) // page_bytes, np.arange(len(size)) // page_rows])
        starts = np.flatnonzero(np.diff(filled, prepend=-1).any(axis=0))
        bounds = np.unique(sequence[starts])
        ends = [*(bounds[1:] - 1), sequence[-1]] if len(sequence) else []
        yield from zip(bounds.tolist(), map(int, ends), strict=True)


def outline(client: Client, conversation_id: str) -> Outline:
    """Return the outline of a conversation; empty where the hot copy has none of it."""
    found = client.query_arrow(_OUTLINE.format(where=_OF), parameters={"id": conversation_id})
    return Outline(*(found[name].to_numpy().astype(np.int64) for name in Outline.__dataclass_fields__))


def rows(client: Client, conversation_id: str, first: int, last: int) -> pa.Table:
    """Return the messages with sequence numbers in [first, last], as `CONVERSATION`, in no order."""
    given = {"id": conversation_id, "first": first, "last": last}
    return client.query_arrow(_ROWS.format(where=_WITHIN), parameters=given, use_strings=True).cast(CONVERSATION)


def held(client: Client, topic_id: str) -> dict[int, list[tuple[int, int]]]:
    """Return by partition the offsets [first, end) of a topic that the hot copy was given all records of."""
    found: dict[int, list[tuple[int, int]]] = {}
    for partition, first, end in client.query(_HELD, parameters={"table": TABLE, "topic": topic_id}).result_rows:
        found.setdefault(int(partition), []).append((int(first), int(end)))
    return found


def conversations_of(client: Client, user_id: str, limit: int) -> list[str]:
    """Return the ids of the conversations that a user spoke in, those of late first."""
    given = {"user": user_id, "limit": limit}
    return [str(row[0]) for row in client.query(_OF_USER, parameters=given).result_rows]
