"""Rows that belong together come together, however Arrow batches are cut."""

from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.spark.debates import whole

keys = st.lists(st.integers(0, 5), max_size=30).map(sorted)


@settings(deadline=None)
@given(keys, st.lists(st.integers(0, 30), max_size=6))
def test_no_key_is_in_two_tables_and_no_row_is_lost(rows, cuts):
    table = pa.table({"key": pa.array(rows, pa.int64()), "row": pa.array(range(len(rows)), pa.int64())})
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    batches = [batch for start, end in pairwise(edges) for batch in table.slice(start, end - start).to_batches()]
    parts = [part.to_pydict() for part in whole(batches, "key")]
    assert [row for part in parts for row in part["row"]] == list(range(len(rows)))
    assert sum(len(set(part["key"])) for part in parts) == len(set(rows))
    assert all(part["row"] for part in parts)


def test_a_value_over_many_batches_is_one_table():
    batches = [pa.record_batch({"key": pa.array([n])}) for n in (1, 1, 1, 2)]
    assert [part["key"].to_pylist() for part in whole(batches, "key")] == [[1, 1, 1], [2]]
