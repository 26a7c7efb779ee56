"""Cutting the records of a task into blocks that a replay cuts at the same places.

A block ends after `MAX_ROWS` records or as soon as it holds `MAX_BYTES` of values, counted from the first record of
the task. That depends on the records alone, not on how Spark cut them into Arrow batches.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MAX_ROWS = 32_768
MAX_BYTES = 32 << 20


def blocks(
    batches: Iterable[pa.RecordBatch], max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES
) -> Iterator[list[pa.RecordBatch]]:
    """Yield the batches regrouped into blocks, each a list of slices (at most one value over `max_bytes`)."""
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
