"""What comes in the body of a ClickHouse request: compressed frames and blocks, and the head of an insert."""

import gzip
import zlib

import lz4.frame
import pytest
import zstandard

from helix_pipeline.local.clickhouse_http.compression import decode, decode_blocks, encode_blocks
from helix_pipeline.local.clickhouse_http.errors import ClickHouseError as ProtocolError
from helix_pipeline.local.clickhouse_http.statements import insert_head


def test_a_damaged_block_is_refused() -> None:
    block = bytearray(encode_blocks(b"rows" * 1_000))
    block[40] ^= 1
    with pytest.raises(ProtocolError, match="CHECKSUM_DOESNT_MATCH"):
        decode_blocks(bytes(block), 1 << 20)


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_all_frames_are_read_truncation_and_bombs_are_told(encoding: str) -> None:
    frames = [compressed(encoding, text) for text in (b"first " * 300_000, b"second")]
    assert decode(b"".join(frames), encoding, 1 << 30) == b"first " * 300_000 + b"second"
    with pytest.raises(ProtocolError, match="CANNOT_DECOMPRESS"):
        decode(frames[0][:-5], encoding, 1 << 30)
    with pytest.raises(ProtocolError, match="CANNOT_DECOMPRESS"):
        decode(b"\x00no such thing", encoding, 1 << 30)
    with pytest.raises(ProtocolError, match="TOO_MANY_BYTES"):
        decode(frames[0], encoding, 1_000)


def compressed(encoding: str, data: bytes) -> bytes:
    tools = {
        "lz4": lz4.frame.compress,
        "zstd": zstandard.compress,
        "gzip": gzip.compress,
        "deflate": zlib.compress,
    }
    return bytes(tools[encoding](data))


@pytest.mark.parametrize(
    ("statement", "head"),
    [
        (b"INSERT INTO t FORMAT Native\nrows", ("INSERT INTO t", "Native", 28)),
        (b'insert into `a b`."t" (`x)`, y) format TSV\r\n1', ('insert into `a b`."t" (`x)`, y)', "TSV", 44)),
        (
            b"INSERT INTO t SETTINGS a=1, b = 'FORMAT \\' x' FORMAT Arrow ",
            ("INSERT INTO t SETTINGS a=1, b = 'FORMAT \\' x'", "Arrow", 59),
        ),
        (b"INSERT INTO t VALUES (1, ' FORMAT TSV')", None),
        (b"INSERT INTO t SELECT 1 FORMAT TSV", None),
        (b"SELECT 1 FORMAT TSV", None),
    ],
)
def test_the_head_of_an_insert_is_told_from_its_rows(statement: bytes, head: tuple[str, str, int] | None) -> None:
    assert insert_head(statement) == head
