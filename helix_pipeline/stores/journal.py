"""A journal on the local disk: what was appended survives kill -9 and a power cut, in the order of appending.

The folder is held by one process, through a lock. It has segments, each named by the number of its first frame (see
`stores.journal_frames`). Threads that append at the same time share one fsync. What is dropped leaves the disk segment
by segment, so that after a kill some dropped frames are there again: who reads them must take them twice.

What cannot be read when the folder is opened is cut off and kept beside, as `<segment>.torn`.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import islice, takewhile
from pathlib import Path
from threading import Lock
from typing import Self

import structlog

from helix_pipeline.errors import StoreError
from helix_pipeline.stores.journal_frames import HEAD_BYTES, Place, frame, payloads, read, sync

SEGMENT_BYTES = 4 << 20
"""Bytes after which a new segment begins."""

HEAD_FRAMES = 200
"""Frames that `head` returns at most."""

SUFFIX = ".journal"
"""The ending of a segment's name."""

_log = structlog.get_logger(__name__)


class JournalFullError(StoreError):
    """The journal has no room for what should be appended."""


class JournalHeldError(StoreError):
    """Another process holds the folder."""


@dataclass(slots=True)
class _Segment:
    path: Path
    last: int
    size: int


class _Waiting:
    """A payload until it is on the disk: then it has a number, or the error that kept it from there."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.number: int | None = None
        self.error: str | None = None


class Journal:
    """The journal of a folder, which is made where it is missing. Safe for threads; close it.

    `max_bytes` bounds its files together; `torn_bytes` is how much could not be read when it was opened. Raises
    JournalHeldError where another process has the folder, StoreError where the disk refuses.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.torn_bytes = 0
        self._frames: dict[int, Place] = {}
        self._segments: list[_Segment] = []
        self._waiting: list[_Waiting] = []
        self._state, self._writing = Lock(), Lock()
        self._file: FileIO | None = None
        self._broken = ""
        self._next = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("wb")
            self._hold()
            self._recover()
        except OSError as error:
            raise StoreError(
                f"journal: cannot use {folder} ({error.strerror}): give HELIX_HOME another folder"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; what is in it stays."""
        with self._writing:
            self._end_segment()
            self._broken = "it is closed"
            self._lock.close()

    @property
    def nbytes(self) -> int:
        """Bytes of its files, and of what is about to be written."""
        with self._state:
            return self._size()

    @property
    def empty(self) -> bool:
        """Whether nothing is in it, nor about to be."""
        with self._state:
            return not (self._frames or self._waiting)

    def __contains__(self, number: int) -> bool:
        return number in self._frames

    def append(self, payload: bytes) -> int:
        """Return the number of the new frame once it is on the disk.

        Raises JournalFullError where there is no room for it, StoreError where the disk refuses it: then it is not in
        the journal.
        """
        waiting = _Waiting(payload)
        with self._state:
            if self._size() + HEAD_BYTES + len(payload) > self.max_bytes:
                raise JournalFullError(f"the journal {self.folder} is full: it may have {self.max_bytes:,} bytes")
            self._waiting.append(waiting)
        with self._writing:
            if waiting.number is None and waiting.error is None:
                self._write_waiting()
        if waiting.number is None:
            raise StoreError(f"journal: cannot write to {self.folder}: {waiting.error}")
        return waiting.number

    def head(self, nbytes: int) -> list[tuple[int, bytes]]:
        """Return the oldest frames, number and payload: HEAD_FRAMES or so many bytes at most, but at least one."""
        with self._state:
            places = list(islice(self._frames.items(), HEAD_FRAMES))
        found: list[tuple[int, bytes]] = []
        size = 0
        for number, place in places:
            size += place.length
            if found and size > nbytes:
                break
            found.append((number, read(number, place)))
        return found

    def read(self, number: int) -> bytes | None:
        """Return the payload of a frame, none where it was dropped."""
        place = self._frames.get(number)
        try:
            return read(number, place) if place else None
        except FileNotFoundError:
            return None

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield all frames, the oldest first. Nothing may be dropped meanwhile."""
        for number, place in list(self._frames.items()):
            yield number, read(number, place)

    def drop(self, number: int) -> None:
        """Forget the frames up to this one; a segment that has no other leaves the disk."""
        with self._writing, self._state:
            for old in list(takewhile(lambda one: one <= number, self._frames)):
                del self._frames[old]
            done = [one for one in self._segments if one.last <= number]
            if done and done[-1] is self._segments[-1]:
                self._end_segment()
            for segment in done:
                segment.path.unlink(missing_ok=True)
                self._segments.remove(segment)

    def _size(self) -> int:
        waiting = sum(HEAD_BYTES + len(one.payload) for one in self._waiting)
        return waiting + sum(segment.size for segment in self._segments)

    def _write_waiting(self) -> None:
        """Put all that waits on the disk with one fsync. The caller is the only one who writes."""
        with self._state:
            entries = list(self._waiting)
        frames = [frame(self._next + place, one.payload) for place, one in enumerate(entries)]
        problem = self._write(b"".join(frames))
        with self._state:
            del self._waiting[: len(entries)]
            for entry, written in zip(entries, frames, strict=True):
                if problem:
                    entry.error = problem
                else:
                    entry.number = self._entered(len(written))

    def _entered(self, size: int) -> int:
        segment = self._segments[-1]
        self._frames[self._next] = Place(segment.path, segment.size, size)
        segment.last, segment.size = self._next, segment.size + size
        self._next += 1
        return segment.last

    def _write(self, data: bytes) -> str:
        """Return why the data is not on the disk, nothing where it is."""
        if self._broken:
            return self._broken
        try:
            file = self._open_segment()
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            self._take_back()
            return error.strerror or str(error)
        return ""

    def _open_segment(self) -> FileIO:
        """Return the file that is written to; a full one is left for a new one."""
        if self._file and self._segments[-1].size >= SEGMENT_BYTES:
            self._end_segment()
        if self._file is None:
            path = self.folder / f"{self._next:020}{SUFFIX}"
            self._file = FileIO(path, "xb")
            with self._state:
                self._segments.append(_Segment(path, self._next - 1, 0))
            sync(self.folder)
        return self._file

    def _end_segment(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _take_back(self) -> None:
        """Cut off what a failed write may have left; where that fails too, nothing more is written."""
        if not self._file:
            return
        try:
            self._file.truncate(self._segments[-1].size)
            self._file.seek(self._segments[-1].size)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._broken = f"it could not be written to, start the API again: {error.strerror}"

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise JournalHeldError(f"the journal {self.folder} is held by another process") from None

    def _recover(self) -> None:
        """Find the frames that are there. What was written but not yet synced when its process died is synced now."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            data = path.read_bytes()
            self._next = max(self._next, int(path.stem))
            segment = _Segment(path, self._next - 1, 0)
            self._segments.append(segment)
            for payload in payloads(data, self._next):
                self._entered(HEAD_BYTES + len(payload))
            if segment.size < len(data):
                self._cut(path, segment.size, data[segment.size :])
            sync(path)
            if not segment.size:
                path.unlink()
                self._segments.remove(segment)
        sync(self.folder)

    def _cut(self, path: Path, end: int, rest: bytes) -> None:
        """Keep the part of a segment that cannot be read beside it."""
        aside = path.with_suffix(".torn")
        with aside.open("ab") as file:
            file.write(rest)
        sync(aside)
        os.truncate(path, end)
        self.torn_bytes += len(rest)
        _log.warning("journal was torn", segment=str(path), bytes=len(rest), kept_in=str(aside))
