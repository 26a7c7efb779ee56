"""An extraction that remembers, for all processes that share a file: of several queries that read a text one works.

A text is known by a digest of itself and of the extraction's version, so that nothing found is ever out of date.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import shuffle

import msgspec
import pyarrow as pa
import structlog

from helix_pipeline.domain.entities.extraction import MENTIONS, Extraction

log = structlog.get_logger()

AT_ONCE = 500
"""Texts between two looks at what others found. Each process has an order of its own, so that two that begin with the
same texts at the same time share the work."""

MOST_TEXTS = 100_000
"""Texts that are remembered; those that came first are forgotten. With their mentions they take some 50 MB."""

WAIT_S = 2.0
"""Seconds to wait for another process that writes; then the texts are read anew, or not remembered."""

_TABLE = "CREATE TABLE IF NOT EXISTS found (number INTEGER PRIMARY KEY, text BLOB UNIQUE, mentions BLOB NOT NULL)"
_KNOWN = "SELECT mentions FROM found WHERE text = ?"
_KEEP = "INSERT OR IGNORE INTO found (text, mentions) VALUES (?, ?)"
_FORGET = "DELETE FROM found WHERE number <= (SELECT max(number) FROM found) - ?"

_UNUSABLE = (sqlite3.Error, OSError)
_Packed = dict[bytes, bytes]


@dataclass(frozen=True)
class RememberedExtraction(Extraction):
    """An extraction that looks into the file `memory` first, and notes there what it finds, of the last `most` texts.

    A file that cannot be read or written costs time alone. Not to be shared between threads.
    """

    memory: Path
    most: int = MOST_TEXTS

    def mentions(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `MENTIONS`."""
        keys = _keys(texts, self.version)
        different = list(dict(zip(keys, texts, strict=True)).items())
        shuffle(different)
        found: _Packed = {}
        for low in range(0, len(different), AT_ONCE):
            found |= self._found(dict(different[low : low + AT_ONCE]))
        return _table(keys, found)

    def _found(self, texts: Mapping[bytes, str]) -> _Packed:
        """Return the mentions of some texts: what is remembered, and else what the extraction finds."""
        known = self._known(texts)
        new = {key: text for key, text in texts.items() if key not in known}
        if new:
            found = _packed(list(new), super().mentions(list(new.values())))
            self._keep(found)
            known |= found
        return known

    def _known(self, keys: Iterable[bytes]) -> _Packed:
        try:
            ask = _opened(self.memory).execute
            rows = ((key, ask(_KNOWN, (key,)).fetchone()) for key in keys)
            return {key: row[0] for key, row in rows if row}
        except _UNUSABLE as error:
            log.warning("mentions.not_remembered", file=str(self.memory), error=str(error))
            return {}

    def _keep(self, found: _Packed) -> None:
        try:
            with _opened(self.memory) as connection:
                connection.executemany(_KEEP, found.items())
                connection.execute(_FORGET, (self.most,))
        except _UNUSABLE as error:
            log.warning("mentions.not_kept", file=str(self.memory), error=str(error))


def _keys(texts: Iterable[str], version: str) -> list[bytes]:
    start = blake2b(version.encode(), digest_size=16).digest()
    return [blake2b(start + text.encode(), digest_size=16).digest() for text in texts]


@cache
def _opened(memory: Path) -> sqlite3.Connection:
    """Return the connection of this process. What is lost in a crash is found again: nothing waits for the disk."""
    memory.touch(mode=0o600)  # it tells what people wrote about
    connection = sqlite3.connect(memory, timeout=WAIT_S)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(_TABLE)
    return connection


def _packed(keys: Sequence[bytes], mentions: pa.Table) -> _Packed:
    """Return the mentions of each text, which may be none."""
    rows = zip(*(mentions[name].to_pylist() for name in MENTIONS.names), strict=True)
    of_text = {keys[row]: [one[1:] for one in some] for row, some in groupby(rows, key=itemgetter(0))}
    return {key: msgspec.msgpack.encode(of_text.get(key, ())) for key in keys}


def _table(keys: Sequence[bytes], known: Mapping[bytes, bytes]) -> pa.Table:
    columns = list(zip(*_rows(keys, known), strict=True)) or [()] * len(MENTIONS)
    return pa.table([pa.array(column, at.type) for column, at in zip(columns, MENTIONS, strict=True)], schema=MENTIONS)


def _rows(keys: Sequence[bytes], known: Mapping[bytes, bytes]) -> Iterator[tuple[object, ...]]:
    for row, key in enumerate(keys):
        for mention in msgspec.msgpack.decode(known[key]):
            yield row, *mention
