"""JSON records out of a byte stream: lines, objects of an array, or objects one after the other; bounded
memory.

Arrays are cut into their objects by counting brackets outside of strings, so that a broken object costs
itself and not the rest, and nesting costs no memory (a streaming parser that keeps a path per level does not
bound it).
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from helix_pipeline.formats.outcomes import BadFileError, Rejected, shown
from helix_pipeline.formats.source import Source

MAX_RECORD_BYTES = 256 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BUFFER = 1 << 18
_BLANK = b" \t\r\n"
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class Framing(Enum):
    """How records lie in the file; the value is the nesting level of a record's opening bracket."""

    LINES = -1
    OBJECTS = 0
    ARRAY = 1


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object and its place in the file."""

    value: dict[str, Any]
    place: str


def records(source: Source, framing: Framing) -> Iterator[Record | Rejected]:
    """Yield the records of a source, or why one cannot be read.

    Raises BadFileError where the rest cannot be.
    """
    if framing is Framing.LINES:
        return _lines(source)
    return _objects(source, framing.value)


def _lines(source: Source) -> Iterator[Record | Rejected]:
    reader = io.BufferedReader(source, _BUFFER)
    number = 0
    while line := reader.readline(MAX_RECORD_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if len(line) >= MAX_RECORD_BYTES:
            _drop_rest_of_line(reader, line)
            yield _too_long(f"line {number}")
        elif not line.isspace():
            yield decode(line, f"line {number}")
    reader.detach()


def _drop_rest_of_line(reader: "io.BufferedReader[Source]", line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = reader.readline(_BUFFER)


def _too_long(place: str) -> Rejected:
    return Rejected(place, "too large", f"longer than {MAX_RECORD_BYTES >> 20} MiB")


def _objects(source: Source, level: int) -> Iterator[Record | Rejected]:
    """Cut the stream at the brackets of nesting `level` and decode each piece between them."""
    cutter = _Cutter(level)
    number = 0
    while chunk := source.read(_BUFFER):
        for piece in cutter.feed(chunk):
            number += 1
            yield decode(piece, f"item {number}")
        if cutter.held > MAX_RECORD_BYTES:
            raise BadFileError(f"{source.name}: item {number + 1} is longer than {MAX_RECORD_BYTES >> 20} MiB")
    if cutter.depth > 0 or cutter.quoted:
        raise BadFileError(f"{source.name}: the JSON ends too early, after item {number}; everything before was read")
    if rest := cutter.rest():
        yield decode(rest, f"after item {number}")


class _Cutter:
    """Finds the ends of objects in chunks of JSON, keeping only what is not yet complete."""

    def __init__(self, level: int) -> None:
        self.depth = 0
        self.quoted = False
        self._level = level
        self._buffer = bytearray()
        self._position = 0

    @property
    def held(self) -> int:
        """Bytes kept."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield each piece that is complete by now: an object, with whatever stands wrongly before it."""
        self._buffer += chunk
        while (match := (_INSIDE if self.quoted else _OUTSIDE).search(self._buffer, self._position)) is not None:
            start, self._position = match.span()
            del match
            if (end := self._step(self._buffer[start])) is not None:
                piece = bytes(self._buffer[:end]).removeprefix(BYTE_ORDER_MARK).strip(_BLANK + b",")
                del self._buffer[: self._position]
                self._position = 0
                if piece:
                    yield piece
        self._position = max(self._position, len(self._buffer))

    def rest(self) -> bytes:
        """Return what stands after the last bracket, without blanks."""
        return bytes(self._buffer).strip(_BLANK)

    def _step(self, byte: int) -> int | None:
        """Take one significant byte; return where in the buffer a piece ends, if one ends here."""
        if self.quoted:
            self._position += byte == ord("\\")
            self.quoted = byte != ord('"')
        elif byte == ord('"'):
            self.quoted = True
        elif byte in b"{[":
            self.depth += 1
            if self.depth == self._level:
                return self._position - 1
        else:
            self.depth = max(self.depth - 1, 0)
            if self.depth == self._level:
                return self._position
            if self.depth < self._level:
                return self._position - 1
        return None


def decode(data: bytes, place: str) -> Record | Rejected:
    """Return the JSON object that the bytes hold, or why they hold none."""
    try:
        value = msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        return Rejected(place, "invalid UTF-8", f"{error.reason}: {shown(error.object[error.start : error.end])}")
    except RecursionError:
        return Rejected(place, "broken JSON", "nested too deeply")
    except msgspec.MsgspecError as error:
        reason = "null byte" if b"\0" in data else "broken JSON"
        return Rejected(place, reason, f"{error} in {shown(data.strip())}")
    if not isinstance(value, dict):
        return Rejected(place, "wrong type", f"expected a JSON object, found {shown(value)}")
    return Record(value, place)


def first_keys(data: bytes, framing: Framing) -> frozenset[str]:
    """Return the keys of the first object in the beginning of a file, as far as it goes."""
    depth, position, keys = 0, 0, set()
    while (match := _OUTSIDE.search(data, position)) is not None:
        position = match.end()
        if match[0] in b"{[":
            depth += 1
        elif match[0] in b"}]":
            depth -= 1
            if depth <= framing.value:
                break
        else:
            begin, position = position, _string_end(data, position)
            if depth == framing.value + 1 and data[position : position + 64].lstrip().startswith(b":"):
                keys.add(data[begin : position - 1].decode(errors="replace"))
    return frozenset(keys)


def _string_end(data: bytes, position: int) -> int:
    while (match := _INSIDE.search(data, position)) is not None:
        if match[0] == b'"':
            return match.end()
        position = match.end() + 1
    return len(data)
