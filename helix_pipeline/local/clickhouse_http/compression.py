"""The two compressions of the ClickHouse HTTP protocol: content encodings and ClickHouse's own blocks."""

import zlib
from collections.abc import Callable
from typing import Any

import lz4.block
import lz4.frame
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from helix_pipeline.local.clickhouse_http.errors import ClickHouseError

_PIECE = 1 << 20
_BLOCK_HEADER = 25  # checksum 16, method 1, compressed size 4, raw size 4
_LZ4, _NONE = 0x82, 0x02

_DECODERS: dict[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": zlib.decompressobj,
}


def decode(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding, whatever the number of frames: a client sends one frame per block of rows.

    Raises ClickHouseError for an unknown encoding, broken or truncated data, or more than `limit` bytes.
    """
    if encoding in {"", "identity"} or not body:
        return body
    if encoding not in _DECODERS:
        raise ClickHouseError(48, "NOT_IMPLEMENTED", f"Content-Encoding {encoding} is not supported")
    try:
        return _decode_frames(body, _DECODERS[encoding], limit)
    except (RuntimeError, zlib.error, zstandard.ZstdError) as error:
        raise ClickHouseError(271, "CANNOT_DECOMPRESS", f"Body is not valid {encoding}: {error}") from error


def decode_blocks(body: bytes, limit: int) -> bytes:
    """Undo ClickHouse's block framing (`decompress=1`); raises ClickHouseError as `decode` does."""
    pieces: list[bytes] = []
    size = start = 0
    while start < len(body):
        piece, start = _decode_block(body, start, limit)
        size += len(piece)
        _check_size(size, limit)
        pieces.append(piece)
    return b"".join(pieces)


def encode_blocks(data: bytes) -> bytes:
    """Frame `data` as LZ4 blocks of at most 1 MiB (`compress=1`)."""
    return b"".join(_encode_block(data[start : start + _PIECE]) for start in range(0, len(data), _PIECE))


def _decode_frames(body: bytes, new_decoder: Callable[[], Any], limit: int) -> bytes:
    decoder, out, size = new_decoder(), [], 0
    view = memoryview(body)
    for start in range(0, len(view), _PIECE):
        piece: bytes | memoryview = view[start : start + _PIECE]
        while piece:
            decoder = new_decoder() if decoder.eof else decoder
            out.append(decoder.decompress(piece))
            size += len(out[-1])
            _check_size(size, limit)
            piece = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise ClickHouseError(271, "CANNOT_DECOMPRESS", "Compressed body is truncated")
    return b"".join(out)


def _decode_block(body: bytes, start: int, limit: int) -> tuple[bytes, int]:
    method = body[start + 16] if start + _BLOCK_HEADER <= len(body) else 0
    if method not in {_LZ4, _NONE}:
        message = f"Unknown or truncated block with codec 0x{method:x}"
        raise ClickHouseError(89, "UNKNOWN_COMPRESSION_METHOD", message)
    end = start + 16 + int.from_bytes(body[start + 17 : start + 21], "little")
    raw_size = int.from_bytes(body[start + 21 : start + _BLOCK_HEADER], "little")
    if end > len(body) or _checksum(body[start + 16 : end]) != body[start : start + 16]:
        message = f"Block at byte {start} is truncated or its checksum is wrong"
        raise ClickHouseError(40, "CHECKSUM_DOESNT_MATCH", message)
    data = body[start + _BLOCK_HEADER : end]
    if method == _NONE:
        return data, end
    _check_size(raw_size, limit)
    return bytes(lz4.block.decompress(data, uncompressed_size=raw_size)), end


def _encode_block(raw: bytes) -> bytes:
    data = bytes(lz4.block.compress(raw, store_size=False))
    block = b"\x82" + (len(data) + 9).to_bytes(4, "little") + len(raw).to_bytes(4, "little") + data
    return _checksum(block) + block


def _checksum(block: bytes) -> bytes:
    value = CityHash128(block)
    return int(value >> 64).to_bytes(8, "little") + int(value & ((1 << 64) - 1)).to_bytes(8, "little")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ClickHouseError(307, "TOO_MANY_BYTES", f"Decompressed body is larger than {limit} bytes")
