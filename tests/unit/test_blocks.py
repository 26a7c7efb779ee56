"""Blocks: the same cuts however Spark cut the records into Arrow batches, within their bounds, nothing lost."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.spark.blocks import blocks

values = st.lists(st.one_of(st.none(), st.binary(max_size=12)), max_size=40)
limits = st.tuples(st.integers(1, 12), st.integers(1, 40))


def batches(records: list[bytes | None], cuts: list[int]) -> list[pa.RecordBatch]:
    """The records, numbered by `offset`, as slices of one batch; equal cuts make empty batches."""
    schema = pa.schema([("value", pa.binary()), ("offset", pa.int64()), ("partition", pa.int32())])
    whole = pa.record_batch([records, range(len(records)), [3] * len(records)], schema=schema)
    edges = [0, *sorted(cuts), len(records)]
    return [whole.slice(start, end - start) for start, end in pairwise(edges)]


def cut(parts: list[pa.RecordBatch], max_rows: int, max_bytes: int) -> list[list[tuple[int, bytes | None]]]:
    """The blocks as (offset, value) of their records."""
    return [
        [(row["offset"], row["value"]) for part in block for row in part.to_pylist()]
        for block in blocks(parts, max_rows, max_bytes)
    ]


def size(block: list[tuple[int, bytes | None]]) -> int:
    return sum(len(value or b"") for _, value in block)


@given(values, limits, st.data())
def test_the_cuts_do_not_depend_on_the_batches(records, limit, data):
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=6))
    assert cut(batches(records, cuts), *limit) == cut(batches(records, []), *limit)


@given(values, limits, st.data())
def test_nothing_is_lost_and_the_order_is_kept(records, limit, data):
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=6))
    found = [row for block in cut(batches(records, cuts), *limit) for row in block]
    assert found == list(enumerate(records))


@given(values, limits, st.data())
def test_a_block_is_full_when_it_ends_and_not_before(records, limit, data):
    max_rows, max_bytes = limit
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=6))
    found = cut(batches(records, cuts), max_rows, max_bytes)
    for block in found:
        assert 0 < len(block) <= max_rows
        assert size(block[:-1]) < max_bytes
    for block in found[:-1]:
        assert len(block) == max_rows or size(block) >= max_bytes


def test_one_huge_value_ends_its_block_alone():
    found = cut(batches([b"a", b"x" * 100, b"b", b"c"], [2]), 10, 10)
    assert [[offset for offset, _ in block] for block in found] == [[0, 1], [2, 3]]


def test_bytes_of_earlier_batches_count():
    found = cut(batches([b"aaa", b"bbb", b"ccc", b"d", b"e"], [1]), 10, 6)
    assert [[offset for offset, _ in block] for block in found] == [[0, 1], [2, 3, 4]]


def test_nulls_and_empty_values_count_as_rows_without_bytes():
    found = cut(batches([None, b"", None, b"ab", None, None], [1]), 4, 2)
    assert [[offset for offset, _ in block] for block in found] == [[0, 1, 2, 3], [4, 5]]


@pytest.mark.parametrize("parts", [[], batches([], []), batches([], [0, 0])], ids=["none", "one", "three"])
def test_no_records_make_no_block(parts):
    assert list(blocks(parts)) == []


def test_the_offsets_of_a_sliced_batch_are_counted_from_its_own_start():
    whole = batches([b"x" * 50, b"a", b"b", b"c", b"d"], [])[0]
    assert [len(block) for block in cut([whole.slice(1)], 10, 2)] == [2, 2]


def test_a_block_holds_records_of_one_partition_and_is_counted_from_its_first():
    schema = pa.schema([("value", pa.binary()), ("offset", pa.int64()), ("partition", pa.int32())])
    partitions = [0] * 5 + [1] * 2 + [7] * 4
    whole = pa.record_batch([[b"x"] * 11, range(11), partitions], schema=schema)
    together = cut([whole], 3, 100)
    apart = [
        block for part in (whole.slice(0, 5), whole.slice(5, 2), whole.slice(7, 4)) for block in cut([part], 3, 100)
    ]
    assert [len(block) for block in together] == [3, 2, 2, 3, 1]
    assert together == apart == cut([whole.slice(0, 6), whole.slice(6, 3), whole.slice(9)], 3, 100)
