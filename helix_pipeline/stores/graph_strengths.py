"""How strongly entities are related, noted on the relations of Neo4j from its own counters, for whoever queries them.

The API computes strengths as it reads; what is noted here is as old as the last refresh, and within `TOLERANCE`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, LiteralString

import numpy as np
from neo4j import Driver, ManagedTransaction, Record, Session

from helix_pipeline.domain.knowledge.strength import decay
from helix_pipeline.domain.relationships.association import npmi
from helix_pipeline.stores.graph import Graph
from helix_pipeline.stores.graph_derived import LOCK
from helix_pipeline.stores.graph_relations import counted_strength, said_strength
from helix_pipeline.stores.graph_snapshot import MESSAGES, Tell, ranges

TOLERANCE = 0.01
"""A figure is written anew where it changed by more: time alone changes each a little every day."""

READ_ROWS = 10_000
TRANSACTION_ROWS = 2_000

_WITHIN: LiteralString = "MATCH (a:Entity) WHERE $after < a.id <= $last "
_PAIRS: LiteralString = """
MATCH (a)-[r:CO_OCCURS_WITH]->(b:Entity)
RETURN elementId(r), a.id, b.id, coalesce(a.messages, 0), coalesce(b.messages, 0), r.frequency, r.last.epochMillis,
  r.npmi, r.strength
"""
_STATED: LiteralString = """
MATCH (s)-[r:RELATED_TO]->(a) WHERE r.type <> 'associated_with'
RETURN elementId(r), a.id, CASE WHEN s:Entity THEN s.id ELSE a.id END, r.confidence, r.statements,
  r.last_stated.epochMillis, r.strength
"""
_PUT_PAIRS: LiteralString = """
UNWIND $rows AS row
MATCH ()-[r:CO_OCCURS_WITH]->() WHERE elementId(r) = row[0]
SET r.npmi = row[3], r.strength = row[4]
"""
_PUT_STATED: LiteralString = """
UNWIND $rows AS row
MATCH ()-[r:RELATED_TO]->() WHERE elementId(r) = row[0]
SET r.strength = row[3]
"""


def note_strengths(connection: Driver, graph: Graph, now_ms: float, tell: Tell) -> dict[str, int]:
    """Note `npmi` and `strength` of pairs, and `strength` of what is stated, where they changed; return how many."""
    found = {"pairs": 0, "stated": 0}
    with connection.session(database=graph.database, fetch_size=2_000) as reading:
        parts, total = ranges(reading), reading.run(MESSAGES).single(strict=True)["messages"]
        with connection.session(database=graph.database) as writing:
            for number, (after, last) in enumerate(parts):
                tell("strengths", number, len(parts))
                for some in _read(reading, _WITHIN + _PAIRS, after, last):
                    found["pairs"] += _write(writing, _PUT_PAIRS, _of_pairs(some, total, now_ms))
                for some in _read(reading, _WITHIN + _STATED, after, last):
                    found["stated"] += _write(writing, _PUT_STATED, _of_stated(some, now_ms))
    return found


def _read(session: Session, query: LiteralString, after: str, last: str) -> Iterator[list[Record]]:
    records = session.run(query, after=after, last=last)
    while some := list(islice(records, READ_ROWS)):
        yield some


def _of_pairs(records: Sequence[Record], total: int, now_ms: float) -> list[list[Any]]:
    """Return relation, both ends, NPMI and strength of the pairs of which either changed."""
    relation, a_id, b_id, a, b, both, last, old_npmi, old_strength = zip(*records, strict=True)
    strengths = counted_strength(both, a, b, total) * decay(last, now_ms)
    ends = np.maximum(a, both), np.maximum(b, both)
    measured = npmi(both, *ends, np.maximum(np.maximum(*ends), total))
    changed = _changed(measured, old_npmi) | _changed(strengths, old_strength)
    rows = zip(relation, a_id, b_id, measured.round(4).tolist(), strengths.round(4).tolist(), strict=True)
    return [list(row) for row, write in zip(rows, changed, strict=True) if write]


def _of_stated(records: Sequence[Record], now_ms: float) -> list[list[Any]]:
    """Return relation, both ends and strength of the stated relations of which it changed."""
    relation, object_id, subject_id, sure, statements, last, old = zip(*records, strict=True)
    strengths = said_strength(sure, statements, last, now_ms)
    rows = zip(relation, object_id, subject_id, strengths.round(4).tolist(), strict=True)
    return [list(row) for row, write in zip(rows, _changed(strengths, old), strict=True) if write]


def _changed(now: np.ndarray[Any, np.dtype[np.float64]], before: Iterable[float | None]) -> np.ndarray[Any, Any]:
    old = np.array([np.nan if one is None else one for one in before], np.float64)
    return ~(np.abs(now - old) <= TOLERANCE)


def _write(session: Session, statement: LiteralString, rows: list[list[Any]]) -> int:
    for start in range(0, len(rows), TRANSACTION_ROWS):
        session.execute_write(_put, statement, rows[start : start + TRANSACTION_ROWS])
    return len(rows)


def _put(tx: ManagedTransaction, statement: LiteralString, rows: list[list[Any]]) -> None:
    tx.run(LOCK, ids=sorted({id for row in rows for id in row[1:3]})).consume()
    tx.run(statement, rows=rows).consume()
