"""Where bytes come from.

Files, folders, standard input, plain or gzip, as one stream that can be looked into.
"""

import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from helix_pipeline.errors import UsageError
from helix_pipeline.formats.outcomes import BadFileError

STANDARD_INPUT = Path("-")
NAMES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_CHUNK = 1 << 18
_GZIP = b"\x1f\x8b"


class Source(io.RawIOBase):
    """One input, decompressed. `consumed` counts the bytes taken from the file, of `size` (none if unknown).

    `place` is where its reader is: the record that the last outcome came from. `failure` is why the stream
    ends early.
    """

    def __init__(self, name: str, file: BinaryIO, size: int | None) -> None:
        self.name = name
        self.size = size
        self.consumed = 0
        self.place = "beginning"
        self._file = file
        self._chunks = self._decompressed()
        self._pending = b""
        self.failure: BadFileError | None = None

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def close(self) -> None:
        """Close the file below, unless it is standard input."""
        if self._file is not sys.stdin.buffer:
            self._file.close()
        super().close()

    def peek(self, size: int) -> bytes:
        """Return up to `size` or more bytes from here on without taking them; fewer only at the end."""
        while len(self._pending) < size and self.failure is None and (chunk := self._next()):
            self._pending += chunk
        return self._pending

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with what is there, at least a byte unless at the end. Raises BadFileError."""
        data = self._pending or self._next()
        if not data and self.failure is not None:
            raise self.failure
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self._pending = data[count:]
        return count

    def _next(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except BadFileError as failure:
            self.failure = failure
        except OSError as error:
            self.failure = BadFileError(f"{self.name}: cannot be read: {error.strerror or error}")
        return b""

    def _raw(self) -> Iterator[bytes]:
        while chunk := self._file.read1(_CHUNK):  # type: ignore[attr-defined]
            self.consumed += len(chunk)
            yield chunk

    def _decompressed(self) -> Iterator[bytes]:
        chunks = self._raw()
        first = b""
        while len(first) < len(_GZIP) and (chunk := next(chunks, b"")):
            first += chunk
        joined = _chain(first, chunks)
        yield from self._inflated(joined) if first.startswith(_GZIP) else joined

    def _inflated(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Inflate all members of a gzip file in bounded steps."""
        decoder = zlib.decompressobj(wbits=31)
        begun = False
        try:
            for chunk in chunks:
                rest = chunk
                while rest := rest if begun else rest.lstrip(b"\0"):
                    begun = True
                    data = decoder.decompress(rest, _CHUNK)
                    rest = decoder.unconsumed_tail
                    if decoder.eof:
                        rest, decoder, begun = decoder.unused_data, zlib.decompressobj(wbits=31), False
                    if data:
                        yield data
            if data := decoder.flush():
                yield data
        except zlib.error as error:
            raise BadFileError(f"{self.name}: corrupt gzip ({error}); reading stopped there") from None
        if begun and not decoder.eof:
            raise BadFileError(f"{self.name}: truncated gzip; everything before its end was read; fetch the file again")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def open_source(path: Path) -> Source:
    """Open a file, or standard input for `-`.

    Raises BadFileError, which names the file, where that is impossible.
    """
    if path == STANDARD_INPUT:
        return Source("standard input", sys.stdin.buffer, None)
    try:
        file = path.open("rb")
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise BadFileError(f"{path}: cannot be opened: {error.strerror}") from None
    return Source(str(path), file, size)


def find_files(paths: Sequence[Path]) -> list[tuple[Path, bool]]:
    """Return the files to read, and for each whether it was found in a folder rather than named.

    Folders are searched to the bottom for the names that can hold JSON (`NAMES`), hidden ones left out, in
    the order of their paths. Raises UsageError where a path does not exist or a folder holds no such file.
    """
    return [found for path in paths for found in _expand(path)]


def _expand(path: Path) -> list[tuple[Path, bool]]:
    if path != STANDARD_INPUT and not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if path == STANDARD_INPUT or not path.is_dir():
        return [(path, False)]
    inside = sorted(file for file in path.rglob("*") if _is_candidate(file.relative_to(path)) and file.is_file())
    if not inside:
        raise UsageError(f"{path}: the folder holds no file named {', '.join(f'*{name}' for name in NAMES)}")
    return [(file, True) for file in inside]


def _is_candidate(file: Path) -> bool:
    return file.name.lower().endswith(NAMES) and not any(part.startswith(".") for part in file.parts)
