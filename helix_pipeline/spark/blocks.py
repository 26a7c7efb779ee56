"""Cutting the records of a task into blocks that a replay cuts at the same places.

A block holds records of one Kafka partition. It ends after `MAX_ROWS` records or as soon as it holds `MAX_BYTES` of
values, counted from the first record of the partition. That depends on the records alone, not on how Spark put
partitions into tasks or cut them into Arrow batches.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MAX_ROWS = 32_768
MAX_BYTES = 32 << 20


def blocks(
    batches: Iterable[pa.RecordBatch], max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES
) -> Iterator[list[pa.RecordBatch]]:
    """Yield the batches regrouped into blocks, each a list of slices (at most one value over `max_bytes`).

    The records of a partition must follow each other.
    """
    for _, runs in groupby(_runs(batches), key=lambda run: run.column("partition")[0].as_py()):
        yield from _cut(runs, max_rows, max_bytes)


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut the batches where the partition changes."""
    for batch in batches:
        partitions = batch.column("partition").to_numpy(zero_copy_only=False)
        edges = [0, *(np.flatnonzero(np.diff(partitions)) + 1).tolist(), batch.num_rows]
        yield from (batch.slice(start, end - start) for start, end in pairwise(edges) if end > start)


def _cut(batches: Iterable[pa.RecordBatch], max_rows: int, max_bytes: int) -> Iterator[list[pa.RecordBatch]]:
    block: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        ends = np.cumsum(pc.fill_null(pc.binary_length(batch.column("value")), 0).to_numpy(zero_copy_only=False))
        start = used = 0
        while start < batch.num_rows:
            fits = int(np.searchsorted(ends, used + max_bytes - size, side="left")) + 1 - start
            count = min(fits, max_rows - rows, batch.num_rows - start)
            block.append(batch.slice(start, count))
            rows, size = rows + count, size + int(ends[start + count - 1]) - used
            start, used = start + count, int(ends[start + count - 1])
            if rows >= max_rows or size >= max_bytes:
                yield block
                block, rows, size = [], 0, 0
    if block:
        yield block
