"""Which records of a Kafka partition a lake table holds without a gap: written in the commit that adds them.

The bounds are versions of application transactions (Delta transaction log protocol, "Transaction Identifiers"): they
are kept as long as the table, and change in one step with its rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deltalake import DeltaTable, Transaction

_bounds: dict[str, dict[tuple[str, int], tuple[int, int]]] = {}


@dataclass(frozen=True, slots=True)
class Filled:
    """Which records of a topic a batch holds: partition -> the first offset, and the one after the last."""

    topic_id: str
    extents: Mapping[int, tuple[int, int]]


def reach_in(target: DeltaTable, topic_id: str, partition: int) -> tuple[int, int] | None:
    """Return the offsets [first, end) of a topic's partition that a table holds all records of; none if not known."""
    first, end = (target.transaction_version(name) for name in _names(topic_id, partition))
    return None if first is None or end is None else (first, end)


def reach_after(target: DeltaTable, query_id: str, filled: Filled) -> Iterator[Transaction]:
    """Yield the bounds that change with a batch. Batches of one query follow each other; another may leave a gap."""
    goes_on = target.transaction_version(query_id) is not None
    for partition, (first, end) in filled.extents.items():
        known = _noted(target).get((filled.topic_id, partition)) or reach_in(target, filled.topic_id, partition)
        joins = known is not None and (goes_on or first <= known[1])
        bounds = (min(first, known[0]), max(end, known[1])) if joins and known else (first, end)
        _noted(target)[filled.topic_id, partition] = bounds
        changed = zip(_names(filled.topic_id, partition), bounds, known or (None, None), strict=True)
        yield from (Transaction(name, bound) for name, bound, before in changed if bound != before)


def forget(target: DeltaTable) -> None:
    """Read the bounds from the table again next time: what was to be written with them was not."""
    _bounds.pop(target.table_uri, None)


def _noted(target: DeltaTable) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the bounds that this process gave a table, by topic and partition: reading them costs more than a commit.

    Another writer may have moved them since; then these are of fewer records than the table has, and still right.
    """
    return _bounds.setdefault(target.table_uri, {})


def _names(topic_id: str, partition: int) -> tuple[str, str]:
    return f"{topic_id}/{partition}/first", f"{topic_id}/{partition}/end"
