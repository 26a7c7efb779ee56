"""What the knowledge service holds open: Neo4j, connected at the first question and kept, and what stands in for it.

A Neo4j that does not answer is left alone for some seconds: then each question goes to the snapshot at once. After that
one question waits for a sign of life, and the others for none.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as SlowError
from contextvars import copy_context
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Any, Generic, Literal, Self, TypeVar

import structlog
from neo4j import Driver

from helix_pipeline.domain.entities.resolution.resolver import NameResolver, load
from helix_pipeline.domain.knowledge.answers import KnowledgeReader, Meaning
from helix_pipeline.errors import StoreError
from helix_pipeline.services.knowledge.meaning import QUERY_S, embedder
from helix_pipeline.services.outbox import Outbox
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph_memory import MemoryReader, load_newest
from helix_pipeline.stores.graph_reader import Neo4jReader
from helix_pipeline.stores.graph_session import CONNECTIONS, Ask, GraphAwayError, asker, connect
from helix_pipeline.stores.graph_snapshot import newest
from helix_pipeline.stores.lake import open_lake

AWAY_S = 5.0
"""Seconds for which Neo4j is not asked after it did not answer."""

GRACE_S = 0.5
"""Seconds after which an answer is late that Neo4j should have ended itself."""

SIGN_S = 1.0
"""Seconds for a sign of life."""

SNAPSHOT_AGE_S = 60.0
"""Seconds after which a newer snapshot is looked for."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answered(Generic[_T]):
    """An answer and where it comes from: of a snapshot `as_of` is its time; `notes` say what it lacks and why."""

    value: _T
    source: Literal["neo4j", "snapshot"]
    as_of: datetime | None = None
    notes: tuple[str, ...] = ()

    @property
    def degraded(self) -> bool:
        """Whether Neo4j is away."""
        return self.source != "neo4j"

    def flat(self, name: str = "") -> dict[str, Any]:
        """Return it as one level: the fields of the answer, or all of it under a name, beside where it comes from."""
        whole: Any = self.value
        value = {name: whole} if name else {one.name: getattr(whole, one.name) for one in fields(whole)}
        return value | {"source": self.source, "degraded": self.degraded, "as_of": self.as_of, "notes": self.notes}


class KnowledgeStores:
    """The graph of one installation. Safe for threads; close it, or use it in a `with`.

    `outbox` takes statements; an outbox of its own has no journal.
    """

    def __init__(self, settings: Settings, outbox: Outbox | None = None) -> None:
        self.settings = settings
        self.outbox = outbox or Outbox(settings)
        self._pool = ThreadPoolExecutor(CONNECTIONS, "graph")
        self._driver: Driver | None = None
        self._lock = Lock()
        self._away_until = 0.0
        self._snapshot: MemoryReader | None = None
        self._looked_at = 0.0
        self._reading = Lock()
        self._reason = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; a question that Neo4j has not answered fails."""
        if self._driver:
            self._driver.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.outbox.close()

    def ask(self, question: Callable[[KnowledgeReader], _T]) -> Answered[_T]:
        """Put a question to Neo4j, or to the last snapshot where it is away.

        Raises StoreError where neither answers, or the question takes too long, and whatever the question raises.
        """
        try:
            if self._answers():
                return Answered(self._in_time(lambda: question(self._reader())), "neo4j")
        except GraphAwayError as error:
            _log.warning("graph away", error=str(error))
        return self._from_snapshot(question)

    @cached_property
    def resolver(self) -> NameResolver:
        """Gives the ids of names, as the stream gives them."""
        return load()

    def meaning(self, query: str) -> Meaning | None:
        """Return what a query is about; None where embeddings are off, or no word of it is known.

        Raises StoreError where an endpoint does not give it in time.
        """
        return embedder(self.settings, QUERY_S).meaning(query) if self.settings.graph.embeddings else None

    def ping(self, limit_s: float) -> None:
        """Ask Neo4j for a sign of life. Raises StoreError where there is none in time, or was none a moment ago."""
        if time.monotonic() < self._away_until:
            raise GraphAwayError(self._reason)
        self._sign_of_life(limit_s)

    def _answers(self) -> bool:
        """Return whether Neo4j is to be asked. Raises GraphAwayError where it was away and gives no sign of life."""
        with self._lock:
            now = time.monotonic()
            if not self._away_until or now < self._away_until:
                return not self._away_until
            self._away_until = now + AWAY_S
        self._sign_of_life(SIGN_S)
        return True

    def _sign_of_life(self, limit_s: float) -> None:
        try:
            self._called(lambda: self._asker()("RETURN 1"), limit_s)
        except SlowError:
            raise self._away(f"no answer within {limit_s:g} s") from None
        except GraphAwayError as error:
            raise self._away(str(error)) from None
        self._away_until = 0.0

    def _in_time(self, call: Callable[[], _T]) -> _T:
        """Call; where that takes too long, ask for a sign of life: a slow question is no reason to ask no other."""
        limit_s = self.settings.neo4j.read_timeout_s + GRACE_S
        try:
            return self._called(call, limit_s)
        except SlowError:
            self.ping(SIGN_S)
            raise StoreError(f"Neo4j took longer than {limit_s:g} s: ask for less, or again once it is warm") from None
        except GraphAwayError as error:
            raise self._away(str(error)) from None

    def _called(self, call: Callable[[], _T], limit_s: float) -> _T:
        """Call in a thread of the pool: a server that hangs keeps no time-out of its own."""
        asked = self._pool.submit(copy_context().run, call)  # with the ids that logs and traces carry
        try:
            return asked.result(limit_s)
        except SlowError:
            asked.cancel()
            raise

    def _away(self, reason: str) -> GraphAwayError:
        """Note that Neo4j is away and why."""
        self._away_until = time.monotonic() + AWAY_S
        self._reason = f"Neo4j at {self.settings.neo4j.address}: {reason}"
        return GraphAwayError(self._reason)

    def _reader(self) -> KnowledgeReader:
        return Neo4jReader(self._asker())

    def _asker(self) -> Ask:
        neo4j = self.settings.neo4j
        with self._lock:
            self._driver = self._driver or connect(self.settings)
        return asker(self._driver, neo4j.database, neo4j.read_timeout_s)

    def _from_snapshot(self, question: Callable[[KnowledgeReader], _T]) -> Answered[_T]:
        try:
            reader = self._last_snapshot()
        except StoreError as error:
            raise StoreError(f"{self._reason}; {error}") from None
        return Answered(question(reader), "snapshot", reader.as_of, (f"neo4j not used: {self._reason}",))

    def _last_snapshot(self) -> MemoryReader:
        """Return the newest snapshot, read once and then whenever there is a newer one."""
        lake = open_lake(self.settings)
        with self._reading:
            if time.monotonic() >= self._looked_at + SNAPSHOT_AGE_S or self._snapshot is None:
                folder = newest(lake)
                if self._snapshot is None or (folder and folder.begun > self._snapshot.as_of):
                    self._snapshot = load_newest(lake)
                self._looked_at = time.monotonic()
            return self._snapshot
