"""Figures in files while ClickHouse is away: lines of JSON, one file for each insert that could not be made.

The name of a file holds the token of that insert, so that a file that is drained twice, or whose insert did reach the
server before the connection broke, changes nothing. What is more than `most_bytes` pushes out the oldest files.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from helix_pipeline.contracts.figures import TABLES, Row
from helix_pipeline.errors import StoreError


@dataclass(frozen=True, slots=True)
class FigureFile:
    """Rows of one insert: the table and the token that they go to it under."""

    path: Path
    table: str
    token: str

    def rows(self) -> list[Row]:
        """Return the rows. A file is complete once it has its name."""
        decoder = msgspec.json.Decoder(TABLES[self.table])
        found: list[Row] = list(decoder.decode_lines(self.path.read_bytes()))
        return found


@dataclass(frozen=True, slots=True)
class Kept:
    """What waits in files."""

    files: int
    bytes: int


class FigureFiles:
    """The files of one folder. Processes may share it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def keep(self, table: str, token: str, rows: Sequence[Row]) -> int:
        """Write the rows of an insert, and return how many older rows this pushed out.

        Raises StoreError where the disk does not take them.
        """
        name = f"{time.time_ns():020d}-{table}-{token}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = self._folder / f".{name}"
            with partial.open("wb") as file:
                file.write(msgspec.json.Encoder().encode_lines(rows))
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self._folder / name)
        except OSError as error:
            raise StoreError(f"figures cannot be kept in {self._folder}: {error.strerror}") from None
        return self._push_out()

    def waiting(self) -> Iterator[FigureFile]:
        """Yield the files, oldest first."""
        for path in sorted(self._folder.glob("*.jsonl")):
            _, table, token = path.stem.split("-", 2)
            yield FigureFile(path, table, token)

    def drop(self, file: FigureFile) -> None:
        """Remove a file whose rows have arrived."""
        file.path.unlink(missing_ok=True)

    def kept(self) -> Kept:
        """Return how much waits."""
        sizes = [_size(one.path) for one in self.waiting()]
        return Kept(len(sizes), sum(sizes))

    def _push_out(self) -> int:
        files = list(self.waiting())
        excess = sum(_size(one.path) for one in files) - self._most_bytes
        lost = 0
        for file in files[:-1]:
            if excess <= 0:
                break
            excess -= _size(file.path)
            lost += len(file.rows())
            self.drop(file)
        return lost


def _size(path: Path) -> int:
    """Bytes of a file; 0 where another process has just drained it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
