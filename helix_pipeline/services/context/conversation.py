"""A conversation as the service has it: where it comes from, in which state it is, and how its messages are read."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.domain.context.conversation import CONVERSATION, ordered

Source = Literal["clickhouse", "lake", "kafka", "journal"]

Pages = Callable[[int, int], Iterator[pa.Table]]
"""Yields messages with sequence numbers from the first argument on, in tables of about so many rows as the second."""

PAGE_ROWS = 65_536
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a conversation: `version` is the offset after its newest record.

    All records of its partition before `position` were looked at; offsets mean something within the topic of this id.
    """

    topic_id: str
    partition: int
    position: int
    version: int

    @property
    def name(self) -> str:
        """What names the state: the same for the same messages, whatever came for other conversations."""
        return f"{self.topic_id}/{self.partition}/{self.version}"


@dataclass(frozen=True)
class Conversation:
    """A conversation that was found, read when it is asked for.

    `source` is where most of it comes from, `notes` say why not from a better one and what may be missing. `complete`
    is false where something may be. `head` is the state that it is in, none where that is not known; `about_bytes` what
    it takes to remember it, `last_sequence` the highest sequence number. `to_the_end` is false where the newest records
    of Kafka were not read: then there may be a higher one.
    """

    conversation_id: str
    source: Source
    notes: tuple[str, ...]
    complete: bool
    head: Head | None
    pages: Pages
    newest: pa.Table
    about_bytes: int
    last_sequence: int
    to_the_end: bool

    def batches(self, after: int = 0, rows: int = PAGE_ROWS) -> Iterator[pa.Table]:
        """Yield the messages with sequence numbers from `after` on, in order, as `CONVERSATION`.

        Each table holds a range of sequence numbers: about 16 MB and so many rows where it comes from the hot copy.
        """
        rest = self.newest.filter(pc.greater_equal(self.newest["sequence"], after))
        for page in ahead(self.pages(after, rows)):
            if page.num_rows:
                due = pc.less_equal(rest["sequence"], pc.max(page["sequence"]))
                yield ordered(pa.concat_tables([page, rest.filter(due)]))
                rest = rest.filter(pc.invert(due))
        if rest.num_rows:
            yield rest

    def table(self) -> pa.Table:
        """Return all messages, in order, as `CONVERSATION`."""
        return pa.concat_tables([CONVERSATION.empty_table(), *self.batches()]).combine_chunks()


def ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Yield items while the next one is being made on another thread: one more is in memory at a time."""
    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(next, items, None)
        while (item := following.result()) is not None:
            following = maker.submit(next, items, None)
            yield item
