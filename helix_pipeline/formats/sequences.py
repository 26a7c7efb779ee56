"""Positions of messages within their conversations, when many conversations are mixed in one file."""

import sqlite3
from hashlib import blake2b

_IN_MEMORY = 100_000


class Positions:
    """Counts the messages of each conversation from 0, exactly and in bounded memory.

    The conversations seen last are counted in memory (`in_memory` of them); when those are too many, the
    older half moves to a temporary SQLite database on disk (deleted when this object is) and is found there
    again.
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._limit = in_memory
        self._recent: dict[bytes, int] = {}
        self._disk: sqlite3.Connection | None = None

    def next(self, conversation_id: str) -> int:
        """Return the position of the next message of this conversation."""
        key = blake2b(conversation_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        position = self._recent.pop(key, None)
        if position is None:
            position = self._recall(key)
        self._recent[key] = position + 1
        if len(self._recent) > self._limit:
            self._move_older_half()
        return position

    def _recall(self, key: bytes) -> int:
        if self._disk is None:
            return 0
        row = self._disk.execute("SELECT position FROM seen WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def _move_older_half(self) -> None:
        if self._disk is None:
            self._disk = sqlite3.connect("", isolation_level=None)
            self._disk.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, position INTEGER) WITHOUT ROWID")
        older = [(key, self._recent.pop(key)) for key in list(self._recent)[: len(self._recent) // 2]]
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", older)
        self._disk.execute("COMMIT")
