"""Where new events go: to Kafka through the ledger or, while one of these is away, into the journal of this process.

What the journal keeps is accepted: it is on the disk, and the drain publishes it, in the order of acceptance, once
both are back. As long as anything is kept, everything new goes behind it, and nobody waits for what is away.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as SlowError
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import structlog

from helix_pipeline.errors import StoreError
from helix_pipeline.formats.wire import Encoded
from helix_pipeline.services.draining import Drain, Numbering
from helix_pipeline.services.kept import KeptEvent, KeptEvents, open_own, sizes
from helix_pipeline.services.publishing import StandingPublisher
from helix_pipeline.settings import Settings

LIMIT_S = 1.5
"""Seconds after which an event that is not in Kafka goes into the journal."""

EVENTS_PER_S = 2_000
"""Of many events together, one second more for so many."""

ATTEMPTS = 16
"""Requests that publish at a time."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Encoded]], int]
"""Publishes records and returns how many were new; raises StoreError."""

Stored = Literal["kafka", "journal"]
"""Where an accepted event is."""


@dataclass(frozen=True)
class JournalState:
    """How the journal is.

    `off`: there is none, what Kafka does not take is refused; `empty`; `waiting`: Kafka or the ledger is away,
    `reason` says why; `draining`: they are back; `full`: what is new is refused. `oldest_s` is the age of the oldest
    event, in seconds, none where there is none; `torn_bytes` could not be read when it was opened. `others` counts the
    journals of other processes, running or ended, that have events: `others_nbytes` together.
    """

    state: Literal["off", "empty", "waiting", "draining", "full"]
    reason: str = ""
    events: int = 0
    nbytes: int = 0
    max_bytes: int = 0
    oldest_s: float | None = None
    torn_bytes: int = 0
    others: int = 0
    others_nbytes: int = 0


class Outbox:
    """Takes new events, for all threads of a process; close it.

    Before `start`, as in a command, there is no journal: then a caller waits for Kafka and hears what failed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher = StandingPublisher(settings)
        self._pool = ThreadPoolExecutor(ATTEMPTS, "publish")
        self._kept: KeptEvents | None = None
        self._drain: Drain | None = None
        self._off = "it is not started"

    def start(self, numbering: Numbering) -> None:
        """Open the journal and drain it from now on; `numbering` gives numbers to the messages that have none.

        Where the disk refuses, there is no journal, which `state` tells.
        """
        try:
            self._kept = open_own(self._settings)
        except StoreError as error:
            self._off = str(error)
            _log.error("no journal: what Kafka does not take is refused", reason=self._off)
            return
        self._drain = Drain(self._settings, self._publisher, self._kept, numbering)
        self._drain.start()

    def close(self) -> None:
        """End the drain and disconnect; what is kept stays on the disk. Doing it again changes nothing."""
        if self._drain:
            self._drain.stop()
        self._publisher.abort()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._publisher.close()
        if self._kept:
            self._kept.close()
            self._kept, self._off = None, "it is closed"

    def send(self, direct: Callable[[Publish], _T], keep: Callable[[], _T], size: int = 1) -> _T:
        """Return what `direct` does with Kafka or, where that is away or slow, what `keep` does with the journal.

        Both must be about the same events, by their ids: of a slow `direct` it stays open whether it still succeeds.
        Raises what they raise; StoreError of `direct` only where there is no journal.
        """
        if self._kept is None:
            return direct(self._publisher.publish)
        if not (self._kept.empty or self._soon_empty()):
            return keep()
        try:
            return self._in_time(direct, LIMIT_S + size / EVENTS_PER_S)
        except StoreError as error:
            self._away(str(error))
        return keep()

    def keep(self, events: Sequence[KeptEvent]) -> int:
        """Put events into the journal and return how many it did not have; then they are on the disk.

        Raises JournalFullError where there is no room, StoreError where the disk refuses.
        """
        assert self._kept is not None and self._drain is not None
        count = self._kept.add(events)
        self._drain.wake()
        return count

    def kept(self, topic: str, key: bytes) -> list[KeptEvent]:
        """Return the events of a key that are in the journal, in the order of their acceptance."""
        return [] if self._kept is None or self._kept.empty else self._kept.of(topic, key)

    @property
    def waiting(self) -> int:
        """Events that are in the journal."""
        return len(self._kept) if self._kept else 0

    def state(self) -> JournalState:
        """Return how the journal is, and that others have events."""
        own = self._kept.name if self._kept else None
        others = [size for name, size in sizes(self._settings).items() if size and name != own]
        return replace(self._own_state(), others=len(others), others_nbytes=sum(others))

    def _own_state(self) -> JournalState:
        if self._kept is None or self._drain is None:
            return JournalState("off", self._off)
        kept, since = self._kept, self._kept.since()
        figures = (len(kept), kept.nbytes, kept.max_bytes, since and time.time() - since, kept.torn_bytes)
        if since is None:
            return JournalState("empty", self._drain.reason, *figures)
        if kept.full:
            return JournalState("full", self._drain.reason, *figures)
        return JournalState("waiting" if self._drain.reason else "draining", self._drain.reason, *figures)

    def _soon_empty(self) -> bool:
        """Wait for a drain that is at work: it would not come to an end if events came faster than it takes them."""
        assert self._kept is not None and self._drain is not None
        return not self._drain.reason and self._kept.wait_empty(LIMIT_S)

    def _away(self, reason: str) -> None:
        assert self._drain is not None
        self._drain.away(reason)

    def _in_time(self, direct: Callable[[Publish], _T], limit_s: float) -> _T:
        """Do it on another thread, for so long at most.

        Raises StoreError where it takes longer: then it publishes nothing any more, unless it is just about it.
        """
        given_up = False

        def publish(records: Sequence[Encoded]) -> int:
            return self._publisher.publish(records, lambda: not given_up)

        attempt = self._pool.submit(copy_context().run, direct, publish)  # the request's trace and its id in logs
        try:
            return attempt.result(limit_s)
        except SlowError:
            given_up = True
            attempt.cancel()
            raise StoreError(f"no answer of Kafka or the ledger within {limit_s:.1f} s") from None
