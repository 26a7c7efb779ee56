"""The ledger of ingested events (PostgreSQL): makes publishing to Kafka exactly once per event id.

Protocol, per chunk: one transaction enters the ids that are not known yet, and a chunk row with the topics'
end offsets; then the caller publishes those events, waits for all acknowledgements, and confirms the chunk. A
chunk left behind by a dead owner is settled by reading Kafka from its offsets on: ids found there stay, the
others are taken out and can be published again. An owner lives as long as its session holds an advisory lock.

An id is 16 bytes, a digest of topic id and event id (`digest`): a new Kafka, or a topic created anew, begins
a new ledger. Cost: about 90 bytes per event on disk with its index, and about 10 microseconds per new event.
It holds for ever; emptying the table `ingest_event` while nothing is ingested forgets everything.

Limits: only producers that go through the ledger are covered. It needs sessions, so no transaction-pooling
proxy. An owner that loses its session, is suspended for longer than GRACE_S and then wakes up may send what
was given to another by then. Records that Kafka's retention removed before their chunk was settled count as
not published.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import Self, TypeVar
from uuid import UUID

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow

from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores import postgres
from helix_pipeline.stores.kafka_client import DELIVERY_TIMEOUT_S

ID_BYTES = 16
SETTLE_S = 1.0
GRACE_S = DELIVERY_TIMEOUT_S + 10.0
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ROW = b"\0\x01" + ID_BYTES.to_bytes(4, "big")
_COPY_END = b"\xff\xff"

Offsets = Mapping[str, Mapping[str, int]]
"""Topic id -> partition (as text) -> offset."""

_ENDED: set[int] = set()
"""Owners of this process that ended while PostgreSQL was away: it was not told that they send no more."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

_ADMIT = """
WITH admitted AS (
    INSERT INTO ingest_event SELECT id FROM candidate ORDER BY id ON CONFLICT DO NOTHING RETURNING id
), taken AS (
    SELECT string_agg(uuid_send(id), ''::bytea) AS ids FROM admitted
)
INSERT INTO ingest_chunk (cluster, owner, host, pid, started, offsets, ids)
SELECT %s, %s, %s, %s, %s, %s, ids FROM taken WHERE ids IS NOT NULL
RETURNING chunk, ids
"""
_PENDING = """
SELECT chunk, owner, host, pid, started, offsets, abandoned OR now() - created > make_interval(secs => %s)
FROM ingest_chunk WHERE cluster = %s AND owner <> %s ORDER BY chunk
"""
_ABANDON = "UPDATE ingest_chunk SET abandoned = true WHERE owner = %s"


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a chunk's ids; those in none of the sets are published already."""

    chunk: int | None
    new: frozenset[bytes]
    contested: frozenset[bytes]
    """Entered by another owner that has not confirmed them: to be asked for again."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovery did: chunks settled, ids found in Kafka, ids released to be published again."""

    chunks: int = 0
    kept: int = 0
    released: int = 0


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk of another owner; `quiet`: that was closed, or is past the time in which it could still send."""

    chunk: int
    owner: int
    host: str
    pid: int
    started: float
    offsets: Offsets
    quiet: bool


def digest(topic_id: str, event_id: str) -> bytes:
    """Return the 16 bytes that name an event of a topic in the ledger."""
    return blake2b(f"{topic_id}\x1f{event_id}".encode(), digest_size=ID_BYTES).digest()


def entered(settings: Settings, ids: Sequence[bytes]) -> set[bytes]:
    """Return those ids that the ledger has; none where there is no ledger yet. Raises StoreError without PostgreSQL."""
    with postgres.connect(settings, "ingest") as connection:
        return entered_in(connection, ids)


def entered_in(connection: psycopg.Connection[TupleRow], ids: Sequence[bytes]) -> set[bytes]:
    """Return the same as `entered`, asked through a connection that is open."""
    try:
        query = "SELECT id FROM ingest_event WHERE id = ANY(%s)"
        rows = connection.execute(query, ([UUID(bytes=id_) for id_ in ids],)).fetchall()
    except psycopg.errors.UndefinedTable:
        return set()
    except psycopg.Error as error:
        raise postgres.failed("ledger", error) from error
    return {row[0].bytes for row in rows}


class Ledger:
    """One owner's access to the ledger of one Kafka cluster. Not for use by several threads at once."""

    def __init__(self, settings: Settings, cluster: str) -> None:
        self._cluster = cluster
        self._owner = secrets.randbits(62)
        self._connection = postgres.connect(settings, "ingest")
        self._run(self._open)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def admit(self, ids: Sequence[bytes], offsets: Offsets) -> Admission:
        """Enter the ids that are new as one pending chunk.

        `offsets` are end offsets of the topics from before the chunk is published; older ones only make
        recovery read more. An id may be repeated.
        """
        return self._run(lambda: self._admit(sorted(set(ids)), offsets))

    def confirm(self, chunk: int) -> None:
        """Say that all new ids of the chunk are in Kafka.

        Raises StoreError where the chunk was given to another.
        """

        def delete() -> int:
            return self._connection.execute("DELETE FROM ingest_chunk WHERE chunk = %s", (chunk,)).rowcount

        if not self._run(delete):
            raise StoreError(f"ledger: chunk {chunk} was taken over by another process; ingest the files again")

    def ping(self) -> None:
        """Ask for a sign of life. Raises StoreError where the session is gone: then nothing more comes of it."""
        self._run(lambda: self._connection.execute("SELECT 1"))

    def recover(self, published: Callable[[Offsets], Iterable[bytes]]) -> Recovery:
        """Settle the pending chunks of owners that are dead.

        `published(offsets)` yields the ids (see `digest`) that Kafka holds from these offsets to its end. A
        chunk of an owner that may still be sending is left for GRACE_S. What an owner sent last has SETTLE_S to
        arrive before Kafka is read.
        """
        found = [self._settle(chunk, published) for chunk in self._run(self._pending)]
        total = Recovery(*(sum(column) for column in zip(*(astuple(one) for one in found), strict=True)))
        if total.chunks:
            _log.info("ledger recovered", chunks=total.chunks, kept=total.kept, released=total.released)
        return total

    def close(self) -> None:
        """Give up what is pending and end the session. The owner's producer must have stopped sending."""
        try:
            self._connection.execute(_ABANDON, (self._owner,))
            self._lock("pg_advisory_unlock", self._owner)
        except (psycopg.Error, StoreError) as error:
            _ENDED.add(self._owner)
            _log.warning("ledger closed without PostgreSQL", error=str(error).strip())
        self._connection.close()

    def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except psycopg.Error as error:
            raise postgres.failed("ledger", error) from error

    def _open(self) -> None:
        """Create the tables, take the owner's lock, and make the session's staging table."""
        postgres.migrate(self._connection)
        self._connection.execute("SELECT pg_advisory_lock(%s)", (self._owner,))
        self._connection.execute("CREATE TEMPORARY TABLE candidate (id uuid) ON COMMIT DELETE ROWS")

    def _admit(self, ids: list[bytes], offsets: Offsets) -> Admission:
        """Enter the ids in order, so that two owners cannot wait for each other; hold recovery off meanwhile."""
        with self._connection.transaction(), self._connection.cursor(binary=True) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (postgres.GATE,))
            with cursor.copy("COPY candidate FROM STDIN (FORMAT binary)") as copy:
                copy.write(b"".join((_COPY_HEADER, *(_COPY_ROW + id_ for id_ in ids), _COPY_END)))
            row = cursor.execute(
                _ADMIT, (self._cluster, self._owner, *postgres.this_process(), json.dumps(offsets))
            ).fetchone()
            chunk, new = (int(row[0]), frozenset(_split(row[1]))) if row else (None, frozenset[bytes]())
            known = set(ids) - new
            return Admission(chunk, new, frozenset(known & self._entered_by_others(cursor) if known else ()))

    def _entered_by_others(self, cursor: psycopg.Cursor[TupleRow]) -> set[bytes]:
        cursor.execute("SELECT ids FROM ingest_chunk WHERE owner <> %s", (self._owner,))
        return {id_ for (ids,) in cursor for id_ in _split(ids)}

    def _pending(self) -> list[_Chunk]:
        rows = self._connection.execute(_PENDING, (GRACE_S, self._cluster, self._owner)).fetchall()
        return [_Chunk(*row) for row in rows]

    def _settle(self, chunk: _Chunk, published: Callable[[Offsets], Iterable[bytes]]) -> Recovery:
        """Settle a chunk unless its owner lives. Holding the owner's lock keeps other recoveries away."""
        if not self._lock("pg_try_advisory_lock", chunk.owner):
            return Recovery()
        try:
            if not (chunk.quiet or chunk.owner in _ENDED or _is_gone(chunk)):
                return Recovery()
            time.sleep(SETTLE_S)
            found = set(published(chunk.offsets))
            return self._run(lambda: self._release(chunk.chunk, found))
        finally:
            self._lock("pg_advisory_unlock", chunk.owner)

    def _lock(self, function: str, owner: int) -> bool:
        query = sql.SQL("SELECT {}(%s)").format(sql.Identifier(function))
        row = self._run(lambda: self._connection.execute(query, (owner,)).fetchone())
        return bool(row and row[0])

    def _release(self, chunk: int, found: set[bytes]) -> Recovery:
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (postgres.GATE,))
            query = "DELETE FROM ingest_chunk WHERE chunk = %s RETURNING ids"
            row = self._connection.execute(query, (chunk,)).fetchone()
            if row is None:
                return Recovery()
            ids = _split(row[0])
            lost = [UUID(bytes=id_) for id_ in ids if id_ not in found]
            self._connection.execute("DELETE FROM ingest_event WHERE id = ANY(%s)", (lost,))
            return Recovery(1, len(ids) - len(lost), len(lost))


def _split(ids: bytes) -> list[bytes]:
    return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]


def _is_gone(chunk: _Chunk) -> bool:
    """Say whether the owner ran on this host and has ended."""
    return chunk.host == postgres.this_host() and not postgres.is_running(chunk.pid, chunk.started)
