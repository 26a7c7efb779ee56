"""Which records of a Kafka partition a lake table holds without a gap: written in the commit that adds them.

The bounds are versions of application transactions (Delta transaction log protocol, "Transaction Identifiers"): they
are kept as long as the table, and change in one step with its rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deltalake import DeltaTable, Transaction


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
    """Yield the bounds that hold after a batch. Batches of one query follow each other; another may leave a gap."""
    goes_on = target.transaction_version(query_id) is not None
    for partition, (first, end) in filled.extents.items():
        known = reach_in(target, filled.topic_id, partition)
        joins = known is not None and (goes_on or first <= known[1])
        bounds = (min(first, known[0]), max(end, known[1])) if joins and known else (first, end)
        yield from map(Transaction, _names(filled.topic_id, partition), bounds)


def _names(topic_id: str, partition: int) -> tuple[str, str]:
    return f"{topic_id}/{partition}/first", f"{topic_id}/{partition}/end"
