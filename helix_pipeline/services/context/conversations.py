"""A conversation from wherever it is whole: the hot copy, else the lake, else Kafka, each with Kafka's newest records.

Kafka is asked where the partition of the conversation ends; a store says of which records it has all; the others are
read from Kafka. So what was added, by whomever, is there whether or not the streams have carried it, and the answer is
the same from each source.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.errors import HelixError, NotFoundError, StoreError
from helix_pipeline.services.context.conversation import Conversation, Head, Pages
from helix_pipeline.services.context.coverage import unbroken, uncovered
from helix_pipeline.services.context.holdings import Holding, LogEnd, hot_copy_of, lake_of, nothing
from helix_pipeline.services.context.log import Tail, log_end, tail
from helix_pipeline.services.context.stores import ContextStores

_log = structlog.get_logger(__name__)

_SOURCES: tuple[tuple[str, Callable[[ContextStores, str, LogEnd | None], Holding]], ...] = (
    ("hot copy", hot_copy_of),
    ("lake", lake_of),
)


def find(stores: ContextStores, conversation_id: str) -> Conversation:
    """Find a conversation.

    Raises NotFoundError where no source has any of it, StoreError where that cannot be told.
    """
    notes: list[str] = []
    log = _log_end(stores, conversation_id, notes)
    found: list[_Candidate] = []
    for name, look in _SOURCES:
        try:
            one = _candidate(stores, conversation_id, look(stores, conversation_id, log), log)
        except StoreError as error:
            notes.append(f"{name} not used: {error}")
            continue
        found.append(one)
        if not one.doubts:
            return _conversation(stores, conversation_id, [one], log, notes)
        notes += [f"{name}: {doubt}" for doubt in one.doubts]
    if not found and log is None:
        raise StoreError(f"no source can be asked for the conversation {conversation_id!r}: {'; '.join(notes)}")
    if not found and log:
        found.append(_candidate(stores, conversation_id, nothing(), log))
        notes += [f"kafka: {doubt}" for doubt in found[-1].doubts]
    return _conversation(stores, conversation_id, found, log, notes)


@dataclass(frozen=True)
class _Candidate:
    """What a source has, with Kafka's newest messages; `doubts` say what it may lack."""

    holding: Holding
    newest: Tail
    doubts: list[str]

    @property
    def messages(self) -> int:
        """At least how many messages there are."""
        return max(len(self.holding.sequence), int(self.newest.messages.num_rows))

    @property
    def last_sequence(self) -> int:
        """The highest sequence number, -1 where there is no message."""
        numbers = (self.holding.sequence, self.newest.messages["sequence"].to_numpy())
        return max(int(one.max(initial=-1)) for one in numbers)


def _log_end(stores: ContextStores, conversation_id: str, notes: list[str]) -> LogEnd | None:
    try:
        return log_end(stores, conversation_id)
    except StoreError as error:
        notes.append(f"kafka not used, the messages of the last moments may be missing: {error}")
        return None


def _candidate(stores: ContextStores, conversation_id: str, holding: Holding, log: LogEnd | None) -> _Candidate:
    """Read from Kafka what a source is not sure to have, and look for what may be missing then."""
    newest = Tail(CONVERSATION.empty_table(), 0)
    lost = 0
    if log:
        newest = tail(stores, conversation_id, log.partition, uncovered(holding.held, log.low, log.high))
        lost = sum(end - start for start, end in uncovered([*holding.held, (log.low, log.high)], 0, log.high))
    doubts = [newest.unread] if newest.unread else []
    sequence = np.concatenate([holding.sequence, newest.messages["sequence"].to_numpy()])
    if not unbroken(sequence):
        doubts += [holding.lacks] if holding.lacks else []
        doubts += [f"it may lack messages among {lost} records that Kafka no longer keeps"] if lost else []
        doubts += ["it has no messages of it"] if not log and not len(sequence) else []
    return _Candidate(holding, newest, doubts)


def _conversation(
    stores: ContextStores, conversation_id: str, found: list[_Candidate], log: LogEnd | None, notes: list[str]
) -> Conversation:
    """Return what the last candidate has where nothing is wrong with it, else what all of them have together."""
    sound = not found[-1].doubts
    chosen = found[-1] if sound else max(found, key=lambda one: one.messages)
    if not chosen.messages:
        raise _nothing(conversation_id, log is not None and not chosen.newest.unread, notes)
    return Conversation(
        conversation_id=conversation_id,
        source=chosen.holding.source if len(chosen.holding.sequence) else "kafka",
        notes=tuple(notes),
        complete=log is not None and sound,
        head=_head(chosen, log) if log and sound else None,
        pages=_lasting(stores, conversation_id, chosen.holding.read if sound else _together(found)),
        newest=chosen.newest.messages if sound else CONVERSATION.empty_table(),
        about_bytes=chosen.holding.nbytes + chosen.newest.messages.nbytes,
        last_sequence=max(one.last_sequence for one in found),
        to_the_end=log is not None and not any(one.newest.unread for one in found),
    )


def _nothing(conversation_id: str, all_read: bool, notes: list[str]) -> HelixError:
    """Return what to say where no message was found: that there is none, or that it cannot be told."""
    because = f": {'; '.join(notes)}" if notes else ""
    if all_read:
        return NotFoundError(f"no conversation {conversation_id!r} in hot copy, lake or Kafka{because}")
    return StoreError(f"whether there is a conversation {conversation_id!r} cannot be told now{because}")


def _head(chosen: _Candidate, log: LogEnd) -> Head:
    return Head(log.topic_id, log.partition, log.high, max(chosen.holding.version, chosen.newest.version))


def _together(found: list[_Candidate]) -> Pages:
    """Return what reads the messages of all candidates as one table."""

    def read(after: int, rows: int) -> Iterator[pa.Table]:
        pages = [page for one in found for page in (*one.holding.read(after, rows), one.newest.messages)]
        both = pa.concat_tables(pages)
        yield both.filter(pc.greater_equal(both["sequence"], after))

    return read


def _lasting(stores: ContextStores, conversation_id: str, pages: Pages) -> Pages:
    """Return what reads pages, and goes on with another source where the hot copy stops to answer in between."""

    def read(after: int, rows: int) -> Iterator[pa.Table]:
        try:
            for page in pages(after, rows):
                yield page
                if page.num_rows:
                    after = pc.max(page["sequence"]).as_py() + 1
        except StoreError as error:
            again = find(stores, conversation_id)
            if again.source == "clickhouse":
                raise
            _log.warning(
                "read on from another source", conversation=conversation_id, source=again.source, error=str(error)
            )
            yield from again.batches(after, rows)

    return read
