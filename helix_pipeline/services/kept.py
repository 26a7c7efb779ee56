"""Events that wait in the journal of this process until Kafka has them, and which of them belong to what.

Each process has a journal of its own: the folder `<home>/journal/<n>` with the lowest number that no other holds. So a
process that is started again after a kill has what it kept before.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from threading import Event, Lock
from typing import Self

import msgspec
import structlog

from helix_pipeline.errors import StoreError
from helix_pipeline.formats.wire import Encoded
from helix_pipeline.settings import Settings
from helix_pipeline.stores.journal import SUFFIX, Journal, JournalFullError, JournalHeldError
from helix_pipeline.telemetry import JOURNAL_EVENTS, JOURNAL_TORN, JOURNAL_WAITING

_log = structlog.get_logger(__name__)


class KeptEvent(msgspec.Struct, frozen=True, array_like=True):
    """An event as it will be published; without a number of its own where it is to come last in its conversation."""

    record: Encoded
    numbered: bool = True


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """Events that were accepted together, `at` seconds since 1970."""

    at: float
    events: list[KeptEvent]


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Frame)


class KeptEvents:
    """A journal with an index in memory, which takes about as much as the journal at most. Safe for threads.

    `full` while there was no room for the last events that should be kept. Raises StoreError for a journal that holds
    something else.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._of: dict[tuple[str, bytes], list[int]] = {}
        self._ids: set[bytes] = set()
        self._count = 0
        self.full = False
        self._lock, self._emptied = Lock(), Event()
        JOURNAL_TORN.inc(journal.torn_bytes)
        try:
            for number, payload in journal.frames():
                self._enter(number, _decoder.decode(payload).events)
        except msgspec.MsgspecError as error:
            self.close()
            raise StoreError(f"{journal.folder} is a journal of another version ({error}): move it away") from None
        if self._count:
            _log.warning("events of an earlier process are in the journal", events=self._count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the journal; what is in it stays."""
        self._counted(-self._count)
        self._journal.close()

    def __len__(self) -> int:
        return self._count

    @property
    def name(self) -> str:
        """The name of the journal among those of other processes."""
        return self._journal.folder.name

    @property
    def empty(self) -> bool:
        """Whether no event is kept, nor about to be."""
        return self._journal.empty

    def wait_empty(self, limit_s: float) -> bool:
        """Wait until nothing is kept, so many seconds at most; return whether that is so."""
        self._emptied.wait(limit_s)
        return self.empty

    @property
    def nbytes(self) -> int:
        """Bytes of the journal's files."""
        return self._journal.nbytes

    @property
    def max_bytes(self) -> int:
        """Bytes that they may have."""
        return self._journal.max_bytes

    @property
    def torn_bytes(self) -> int:
        """Bytes that could not be read when the journal was opened."""
        return self._journal.torn_bytes

    def since(self) -> float | None:
        """Return when the oldest event was accepted, seconds since 1970; none where there is none."""
        oldest = self.head(0)
        return oldest[0][1].at if oldest else None

    def add(self, events: Sequence[KeptEvent]) -> int:
        """Keep the events that are not kept already, all or none, and return how many; then they are on the disk.

        Raises JournalFullError, StoreError: then none is.
        """
        new = [event for event in once(events) if _id(event) not in self._ids]
        if not new:
            return 0
        self._emptied.clear()
        try:
            number = self._journal.append(_encoder.encode(Frame(time.time(), new)))
        except JournalFullError:
            self.full = True
            JOURNAL_EVENTS.labels("refused").inc(len(new))
            raise
        self.full = False
        JOURNAL_EVENTS.labels("kept").inc(len(new))
        with self._lock:
            if number in self._journal:
                self._enter(number, new)
        return len(new)

    def of(self, topic: str, key: bytes) -> list[KeptEvent]:
        """Return the kept events of a key, each once, in the order of their acceptance."""
        with self._lock:
            numbers = list(self._of.get((topic, key), ()))
        payloads = [payload for number in numbers if (payload := self._journal.read(number)) is not None]
        events = [event for payload in payloads for event in _decoder.decode(payload).events]
        return once(event for event in events if (event.record.topic, event.record.key) == (topic, key))

    def head(self, nbytes: int) -> list[tuple[int, Frame]]:
        """Return the oldest frames, with their numbers, as `Journal.head`."""
        return [(number, _decoder.decode(payload)) for number, payload in self._journal.head(nbytes)]

    def drop(self, frames: Sequence[tuple[int, Frame]]) -> None:
        """Forget the oldest frames: Kafka has them."""
        with self._lock:
            self._journal.drop(frames[-1][0])
            self.full = False
            for number, frame in frames:
                self._leave(number, frame.events)
            if self.empty:
                self._emptied.set()

    def _enter(self, number: int, events: Sequence[KeptEvent]) -> None:
        for place in {_place(event) for event in events}:
            self._of.setdefault(place, []).append(number)
        self._ids.update(map(_id, events))
        self._counted(len(events))

    def _leave(self, number: int, events: Sequence[KeptEvent]) -> None:
        for place in {_place(event) for event in events}:
            numbers = self._of.get(place, [])
            if number in numbers:
                numbers.remove(number)
            if not numbers:
                self._of.pop(place, None)
        self._ids.difference_update(map(_id, events))
        self._counted(-len(events))

    def _counted(self, more: int) -> None:
        self._count += more
        JOURNAL_WAITING.inc(more)


def open_own(settings: Settings) -> KeptEvents:
    """Return the journal of this process. Raises StoreError where the disk refuses."""
    for place in count():
        try:
            return KeptEvents(_journal(settings, str(place)))
        except JournalHeldError:
            continue
    raise AssertionError("unreachable")


def sizes(settings: Settings) -> dict[str, int]:
    """Return the bytes of each journal that has events, by its name: those of running processes and those left behind.

    None is opened, so that whoever holds them is not disturbed; of one that is being drained it is about what it has.
    """
    found: dict[str, int] = defaultdict(int)
    for segment in _root(settings).glob(f"*/*{SUFFIX}"):
        with suppress(FileNotFoundError):  # it was drained just now
            found[segment.parent.name] += segment.stat().st_size
    return dict(found)


def open_other(settings: Settings, name: str) -> KeptEvents | None:
    """Return the journal of a process that has ended, none where it still runs. Raises StoreError."""
    try:
        return KeptEvents(_journal(settings, name))
    except JournalHeldError:
        return None


def _root(settings: Settings) -> Path:
    return settings.home.resolve() / "journal"


def _journal(settings: Settings, name: str) -> Journal:
    return Journal(_root(settings) / name, settings.kafka.journal_max_mb << 20)


def once(events: Iterable[KeptEvent]) -> list[KeptEvent]:
    """Return the first event of each id."""
    found: dict[bytes, KeptEvent] = {}
    for event in events:
        found.setdefault(_id(event), event)
    return list(found.values())


def _id(event: KeptEvent) -> bytes:
    return blake2b(f"{event.record.topic}\x1f{event.record.event_id}".encode(), digest_size=16).digest()


def _place(event: KeptEvent) -> tuple[str, bytes]:
    return event.record.topic, event.record.key
