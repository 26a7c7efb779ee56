"""The one embedded engine: how many statements run at once, which sessions are kept, what a result holds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

from helix_pipeline.local.clickhouse_http import statements
from helix_pipeline.local.clickhouse_http.compression import encode_blocks
from helix_pipeline.local.clickhouse_http.errors import ClickHouseError
from helix_pipeline.local.clickhouse_http.protocol import Request
from helix_pipeline.local.clickhouse_http.session import Session

MAX_SESSIONS = 1_000
"""Sessions kept at once; the one that ends first makes room."""


@dataclass(frozen=True)
class Reply:
    """What a statement gave back: rows in `format` (None when it gives none) and what it cost."""

    data: bytes
    format: str | None
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0


class Engine:
    """The databases under one folder, opened by one process at a time. Safe for threads.

    `BACKUP … TO File('name')` writes under `backups`, and is refused where there is none.
    """

    def __init__(self, path: Path, slots: int = 16, slot_timeout_s: float = 60.0, backups: Path | None = None) -> None:
        self._path = str(path)
        self._slots = slots
        self._free_slots = threading.BoundedSemaphore(slots)
        self._slot_timeout_s = slot_timeout_s
        options = f"?backups.allowed_path={backups}" if backups else ""  # of the process: what connects later has them
        self._anchor = chdb.connect(self._path + options)  # the engine closes with its last connection
        self._sessions: dict[str, Session] = {}
        self._registry = threading.Lock()
        self.version = bytes(self._anchor.query("SELECT version()", "TSVRaw").bytes()).decode().strip()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the slots from a statement's start until its answer is sent; `close` waits for all.

        Raises ClickHouseError when none gets free in time.
        """
        if not self._free_slots.acquire(timeout=self._slot_timeout_s):
            message = f"Too many simultaneous queries: {self._slots} for {self._slot_timeout_s:g} s"
            raise ClickHouseError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message)
        try:
            yield
        finally:
            self._free_slots.release()

    def execute(self, request: Request) -> Reply:
        """Run one statement; raises chdb's error, or ClickHouseError (session locked or unknown)."""
        with self._session(request) as session:
            started = time.monotonic_ns()
            result = session.run(request)
            return _reply(request, result, time.monotonic_ns() - started)

    def close(self, timeout_s: float = 10.0) -> None:
        """Wait up to `timeout_s` until every statement is answered, then close every connection."""
        deadline = time.monotonic() + timeout_s
        for _ in range(self._slots):
            self._free_slots.acquire(timeout=max(0.0, deadline - time.monotonic()))
        for session in self._sessions.values():
            session.close()
        self._anchor.close()

    @contextmanager
    def _session(self, request: Request) -> Iterator[Session]:
        """The session of a request, held for it; without a session id a new one that ends with it."""
        if request.session_id is None:
            session = Session(chdb.connect(self._path))
            try:
                yield session
            finally:
                session.close()
            return
        session = self._acquire_session(request.session_id, request.session_must_exist)
        try:
            yield session
        finally:
            session.expires_at = time.monotonic() + request.session_timeout_s
            session.lock.release()

    def _acquire_session(self, session_id: str, must_exist: bool) -> Session:
        with self._registry:
            self._drop_ended_sessions()
            if session_id not in self._sessions:
                if must_exist:
                    raise ClickHouseError(372, "SESSION_NOT_FOUND", f"Session {session_id} not found")
                self._sessions[session_id] = Session(chdb.connect(self._path))
            session = self._sessions[session_id]
            if not session.lock.acquire(blocking=False):
                message = f"Session {session_id} is locked by a concurrent client"
                raise ClickHouseError(373, "SESSION_IS_LOCKED", message)
            return session

    def _drop_ended_sessions(self) -> None:
        idle = [(s.expires_at, key) for key, s in self._sessions.items() if not s.lock.locked()]
        now, excess = time.monotonic(), len(self._sessions) - MAX_SESSIONS + 1
        for rank, (expires_at, key) in enumerate(sorted(idle)):
            if expires_at < now or rank < excess:
                self._sessions.pop(key).close()


def _reply(request: Request, result: Any, elapsed_ns: int) -> Reply:
    if hasattr(result, "storage_rows_read"):
        data = result.bytes() or b""
        sql = request.statement.decode()
        return Reply(
            data=encode_blocks(data) if request.compress_blocks else data,
            format=statements.output_format(sql, request.default_format),
            read_rows=result.rows_read(),
            read_bytes=result.bytes_read(),
            elapsed_ns=elapsed_ns,
        )
    return Reply(b"", None, 0, 0, result.rows_written, result.bytes_written, elapsed_ns)
