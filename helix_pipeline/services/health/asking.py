"""Asks all stores at once, each within a limit, with no more threads than there are stores.

A store may hang: accept a connection and say nothing, for longer than its driver's own time-out. Its thread then stays
and is asked for no second one; whoever asks meanwhile hears that it has not answered. Threads are daemons, so that one
that hangs keeps no process from ending.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

import structlog

from helix_pipeline.domain.health import StoreState
from helix_pipeline.errors import HelixError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store says of itself; `version` is empty where it does not tell one."""

    version: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


Check = Callable[[], Answer]
"""Makes a real request. Raises HelixError where it fails."""


class Asker:
    """Asks the checks of these names. Safe for threads."""

    def __init__(self, checks: Mapping[str, Check], limit_s: float) -> None:
        self._checks = dict(checks)
        self._limit_s = limit_s
        self._asked: dict[str, _Question] = {}
        self._lock = Lock()

    def ask(self, max_age_s: float = 0.0) -> dict[str, StoreState]:
        """Return the state of each store, in the limit at most.

        A check that is under way is not started again, and one that ended less than `max_age_s` ago is not either.
        """
        with self._lock:
            for name, check in self._checks.items():
                last = self._asked.get(name)
                if last is None or last.older_than(max_age_s):
                    self._asked[name] = _Question(name, check)
            asked = dict(self._asked)
        return {name: question.state(self._limit_s) for name, question in asked.items()}


class _Question:
    """One run of a check, in a thread of its own."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._begun = time.monotonic()
        self._ended = Event()
        self._found: StoreState | None = None
        Thread(target=self._run, name=f"health-{name}", daemon=True).start()

    def older_than(self, seconds: float) -> bool:
        """Return whether it has ended, and began longer ago than that."""
        return self._ended.is_set() and time.monotonic() - self._begun >= seconds

    def state(self, limit_s: float) -> StoreState:
        """Wait for the answer until the limit since it was asked; return the state of the store."""
        self._ended.wait(max(0.0, self._begun + limit_s - time.monotonic()))
        late = StoreState(False, round(limit_s * 1000), detail=f"{self._name}: no answer within {limit_s:g} s")
        if self._found is None and self._ended.is_set():
            return StoreState(False, 0, detail=f"{self._name}: its check failed, see the log")
        return self._found or late

    def _run(self) -> None:
        try:
            answer = self._check()
            self._found = StoreState(True, self._passed_ms(), answer.version, counts=answer.counts)
        except HelixError as error:
            self._found = StoreState(False, self._passed_ms(), detail=f"{self._name}: {error}")
        finally:
            if self._found is None:
                _log.error("health check failed", check=self._name, exc_info=True)
            self._ended.set()

    def _passed_ms(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)
