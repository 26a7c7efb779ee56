"""Carries the journal into Kafka, oldest first, once each, when Kafka and the ledger answer again.

A batch is published through the ledger and then dropped from the journal. After a kill in between, or where it stayed
open whether an event had arrived, the ledger knows it, and the event is left out.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Event, Thread

import structlog

from helix_pipeline.errors import HelixError
from helix_pipeline.formats.wire import Encoded
from helix_pipeline.services.kept import KeptEvent, KeptEvents, once, open_other, sizes
from helix_pipeline.services.publishing import StandingPublisher
from helix_pipeline.settings import Settings
from helix_pipeline.telemetry import JOURNAL_EVENTS

BATCH_BYTES = 4 << 20
"""Bytes that are published together at most, unless a single frame has more."""

RETRY_S = 1.0
"""Seconds between two attempts while Kafka or the ledger is away."""

LOOK_S = 10.0
"""Seconds between two looks for journals that ended processes left behind."""

STOP_S = 10.0
_log = structlog.get_logger(__name__)

Numbering = Callable[[Sequence[KeptEvent]], AbstractContextManager[list[Encoded]]]
"""Makes records of events, giving numbers to the messages that have none; these hold as long as the context."""


class Drain:
    """The thread that empties the journal."""

    def __init__(
        self, settings: Settings, publisher: StandingPublisher, kept: KeptEvents, numbering: Numbering
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._kept = kept
        self._numbering = numbering
        self._wake, self._stop = Event(), Event()
        self._thread = Thread(target=self._run, name="journal-drain", daemon=True)
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why nothing can be drained, empty where it can."""
        return self._reason if self._thread.is_alive() else "the drain has ended: start the API again"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not published stays in the journal."""
        self._stop.set()
        self._wake.set()
        self._publisher.abort()
        self._thread.join(STOP_S)

    def wake(self) -> None:
        """Say that there is something in the journal."""
        self._wake.set()

    def away(self, reason: str) -> None:
        """Say why Kafka has not taken something; that holds until it takes something."""
        self._say(reason)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._drain(self._kept)
                self._drain_others()
                self._say("")
            except HelixError as error:
                self._say(str(error))
                self._stop.wait(RETRY_S)
                continue
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _drain(self, kept: KeptEvents) -> None:
        """Publish all that is kept. Raises HelixError; then the rest is still kept."""
        while not self._stop.is_set() and (frames := kept.head(BATCH_BYTES)):
            events = once(event for _, frame in frames for event in frame.events)
            self._publisher.open()
            with self._numbering(events) as records:
                count = self._publisher.publish(records)
            kept.drop(frames)
            self._say("")
            JOURNAL_EVENTS.labels("drained").inc(count)
            JOURNAL_EVENTS.labels("duplicate").inc(len(events) - count)
            _log.info("journal drained", events=count, duplicates=len(events) - count, left=len(kept))

    def _drain_others(self) -> None:
        """Publish what processes that have ended left in journals of their own."""
        names = sorted(sizes(self._settings))
        if names:
            self._publisher.open()
        for name in names:
            if other := open_other(self._settings, name):
                with other:
                    self._drain(other)

    def _say(self, reason: str) -> None:
        """Log why nothing can be drained when that begins, not at every attempt."""
        if reason and not self._reason:
            _log.warning("the journal waits", reason=reason, events=len(self._kept))
        self._reason = reason
