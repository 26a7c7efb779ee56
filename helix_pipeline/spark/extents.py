"""Which records a batch holds: the offsets of each Kafka partition, from the first to the one after the last.

Spark hands a query all records of a partition in order and leaves none out (`failOnDataLoss`), so the extents of the
batches of one query follow each other. A reader learns from them what a store is sure to hold.
"""

import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

Extents = dict[int, tuple[int, int]]
"""Partition -> the first offset, and the one after the last."""


def extents(batches: Iterable[pa.RecordBatch]) -> Extents:
    """Return the extents of raw records (`spark.source.COLUMNS`)."""
    places = [batch.select(["partition", "offset"]) for batch in batches]
    if not places:
        return {}
    bounds = pa.Table.from_batches(places).group_by("partition").aggregate([("offset", "min"), ("offset", "max")])
    ends = pc.add(bounds["offset_max"], 1)
    firsts = zip(bounds["offset_min"].to_pylist(), ends.to_pylist(), strict=True)
    return dict(zip(bounds["partition"].to_pylist(), firsts, strict=True))


def joined(parts: Iterable[Extents]) -> Extents:
    """Return the extents of several parts of a batch together."""
    found: Extents = {}
    for part in parts:
        for partition, (first, end) in part.items():
            known = found.get(partition, (first, end))
            found[partition] = (min(first, known[0]), max(end, known[1]))
    return found


def packed(found: Extents) -> str:
    """Return extents as JSON, to travel from an executor to the driver."""
    return json.dumps(found)


def unpacked(text: str) -> Extents:
    """Return the extents that `packed` was given."""
    return {int(partition): (first, end) for partition, (first, end) in json.loads(text).items()}
