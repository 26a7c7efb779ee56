"""The frames of a journal's segments: number, length, a CRC-32 of these and the payload, and the payload."""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helix_pipeline.errors import StoreError

_ABOUT = struct.Struct("<QI")
_CRC = struct.Struct("<I")
HEAD_BYTES = _ABOUT.size + _CRC.size
"""Bytes of a frame besides its payload."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is: a segment, an offset in it, and the bytes of the whole frame."""

    path: Path
    offset: int
    length: int


def frame(number: int, payload: bytes) -> bytes:
    """Return the frame of a payload of less than 4 GiB."""
    about = _ABOUT.pack(number, len(payload))
    return about + _CRC.pack(zlib.crc32(payload, zlib.crc32(about))) + payload


def payloads(data: bytes, number: int) -> Iterator[bytes]:
    """Yield the payloads of a segment, up to the first frame that is not whole or not the next one.

    `number` is that of the first frame.
    """
    start = 0
    while start + HEAD_BYTES <= len(data):
        about = data[start : start + _ABOUT.size]
        found, length = _ABOUT.unpack(about)
        (crc,) = _CRC.unpack_from(data, start + _ABOUT.size)
        payload = data[start + HEAD_BYTES : start + HEAD_BYTES + length]
        if found != number or len(payload) < length or zlib.crc32(payload, zlib.crc32(about)) != crc:
            return
        yield payload
        start, number = start + HEAD_BYTES + length, number + 1


def read(number: int, place: Place) -> bytes:
    """Return the payload of a frame. Raises StoreError where it has been damaged since it was written."""
    with place.path.open("rb") as file:
        data = os.pread(file.fileno(), place.length, place.offset)
    for payload in payloads(data, number):
        return payload
    raise StoreError(f"journal: {place.path} is damaged at byte {place.offset}: start the API again to cut that off")


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
