"""Writes statements into the graph, and the RELATED_TO relationships that follow from them.

Each statement is kept once as a node; the relationships of a key are what `intervals` makes of all its statements. A
key that many texts state, and that nothing can close, grows without reading them again (`joined`).

Both streams may state something of the same subject: the guard of its bucket is locked first, so that what is read
here stays until the end of the transaction.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from neo4j import ManagedTransaction

from helix_pipeline.domain.graph.claims import id_of, is_user, key_of, name_of, statements_of
from helix_pipeline.domain.relationships.intervals import (
    Interval,
    Source,
    Statement,
    intervals,
    is_functional,
    joined,
)

GUARD = """
UNWIND $buckets AS bucket
WITH 'statements/' + toString(bucket) AS id
MERGE (guard:Ledger {id: id})
SET guard.id = id
"""

KNOWN = "UNWIND $ids AS id MATCH (s:Statement {id: id}) RETURN DISTINCT s.key AS key"
ENDED = "UNWIND $keys AS key MATCH (s:Statement {key: key, ended: true}) RETURN DISTINCT key"

KEEP = """
UNWIND $rows AS r
MERGE (s:Statement {id: r.id})
ON CREATE SET s = r
ON MATCH SET s.learnt_at = CASE WHEN s.learnt_at <= r.learnt_at THEN s.learnt_at ELSE r.learnt_at END,
  s.confidence = CASE WHEN s.confidence >= r.confidence THEN s.confidence ELSE r.confidence END,
  s.object_kind = CASE WHEN s.object_kind <= r.object_kind THEN s.object_kind ELSE r.object_kind END,
  s.cue = CASE WHEN s.cue <= r.cue THEN s.cue ELSE r.cue END
"""
"""Of copies, what was learnt first, and what is surest; which of two descriptions is kept must not depend on order."""

STATED = "UNWIND $keys AS key MATCH (s:Statement {key: key}) WHERE s.ended IS NOT NULL RETURN s"
"""The index is over both properties: without the second, every statement would be read."""

HELD = """
UNWIND $ends AS r
MATCH (s:{label} {{id: r[0]}})
MATCH (o:Entity {{id: r[1]}})
OPTIONAL MATCH (s)-[held:RELATED_TO {{key: r[2]}}]->(o)
WITH r, held WHERE held IS NOT NULL
RETURN r[2] AS key, held {{.confidence, .statements, .evidence, valid_from: held.valid_from.epochMillis,
  learnt_at: held.learnt_at.epochMillis, last_stated: held.last_stated.epochMillis}} AS held
"""
"""An optional match comes after both ends: an object may have very many subjects, which are not to be gone through."""

WRITE = """
UNWIND $rows AS r
MATCH (s:{label} {{id: r[0]}})
MATCH (o:Entity {{id: r[1]}})
CALL (s, o, r) {{
  MATCH (s)-[old:RELATED_TO {{key: r[2]}}]->(o)
  WHERE NOT old.valid_from.epochMillis IN [new IN r[3] | new[0]]
  DELETE old
}}
UNWIND r[3] AS new
WITH s, o, r, new[5] AS about, [ms IN new[..5] | CASE WHEN ms IS NOT NULL THEN datetime({{epochMillis: ms}}) END] AS at
MERGE (s)-[held:RELATED_TO {{key: r[2], valid_from: at[0]}}]->(o)
SET held += about, held.valid_to = at[1], held.learnt_at = at[2], held.closed_at = at[3], held.last_stated = at[4]
"""
"""A row is [id of the subject's node, of the object's, key, intervals], an interval `_TIMES` and properties.

Only what was stated has a key. Instants go over the wire as milliseconds: the driver's own kind takes longer to pack
than Neo4j takes to write it.
"""

SUBJECTS = ("Entity", "User")


class End(NamedTuple):
    """What the intervals between two nodes are about."""

    subject_id: str
    object_id: str
    key: str


Intervals = dict[End, list[Interval]]


def keep_statements(tx: ManagedTransaction, details: Iterable[str], buckets: Iterable[int]) -> Intervals:
    """Keep the statements of deltas, and return the intervals of all ends that they may change."""
    tx.run(GUARD, buckets=sorted(buckets)).consume()
    new = _by_key(statements_of(details))
    apart = _to_read_again(tx, new)
    rows = [_row(key, statement) for key, found in new.items() for statement in found]
    tx.run(KEEP, rows=rows).consume()
    grown = {key: found for key, found in new.items() if key not in apart}
    return _added(tx, _intervals(grown)) | _intervals(_read_again(tx, sorted(apart)))


def touched(intervals: Intervals) -> dict[str, set[str]]:
    """Return the ids of the nodes at the ends, by label."""
    subjects = {label: {name_of(end.subject_id) for end in _of(label, intervals)} for label in SUBJECTS}
    return {**subjects, "Entity": subjects["Entity"] | {end.object_id for end in intervals}}


def write_intervals(tx: ManagedTransaction, intervals: Intervals) -> None:
    """Replace the relationships between these ends by those of the intervals."""
    for label in SUBJECTS:
        rows = [[*_place(end), list(map(_packed, intervals[end]))] for end in _of(label, intervals)]
        if rows:
            tx.run(WRITE.format(label=label), rows=rows).consume()


def statement_of(kept: Mapping[str, Any]) -> Statement:
    """Return a statement from the properties of its node."""
    return Statement(**{**{name: kept[name] for name in Statement._fields}, "id": kept["source_id"]})


def _by_key(statements: Iterable[Statement]) -> dict[str, list[Statement]]:
    found: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        found[key_of(statement)].append(statement)
    return found


def _intervals(statements: Mapping[str, Sequence[Statement]]) -> Intervals:
    """Return the intervals of each end that statements are about, also where there are none."""
    found: Intervals = {End(s.subject_id, s.object_id, key): [] for key, said in statements.items() for s in said}
    for key, said in statements.items():
        for interval in intervals(said):
            found[End(interval.subject_id, interval.object_id, key)].append(interval)
    return found


def _to_read_again(tx: ManagedTransaction, new: dict[str, list[Statement]]) -> set[str]:
    """Return the keys whose intervals do not just grow: functional, ended, or with a statement that is known."""
    keys = {key for key, found in new.items() if any(one.ended or is_functional(one.relation) for one in found)}
    ids = [id_of(statement) for found in new.values() for statement in found]
    known = {record["key"] for record in tx.run(KNOWN, ids=ids)}
    return keys | known | {record["key"] for record in tx.run(ENDED, keys=sorted(new.keys() - keys - known))}


def _read_again(tx: ManagedTransaction, keys: list[str]) -> dict[str, list[Statement]]:
    records = tx.run(STATED, keys=keys) if keys else ()
    return _by_key(statement_of(record["s"]) for record in records)


def _added(tx: ManagedTransaction, grown: Intervals) -> Intervals:
    """Return open intervals, one of each end, together with what the graph holds of them."""
    ends = {end.key: end for end in grown}
    for label in SUBJECTS:
        places = [_place(end) for end in _of(label, grown)]
        for record in tx.run(HELD.format(label=label), ends=places) if places else ():
            found = grown[ends[record["key"]]]
            found[:] = [joined(found[0], _interval(found[0], record["held"]))]
    return grown


def _of(label: str, ends: Iterable[End]) -> list[End]:
    return sorted(end for end in ends if is_user(end.subject_id) == (label == "User"))


def _place(end: End) -> list[Any]:
    return [name_of(end.subject_id), end.object_id, end.key]


def _row(key: str, statement: Statement) -> dict[str, Any]:
    kept = {**statement._asdict(), "source_id": statement.id}
    return {**kept, "id": id_of(statement), "key": key}


def _packed(interval: Interval) -> list[Any]:
    """Return an interval's times, and then its other properties; those that are None are absent."""
    figures = {"type": interval.relation, "confidence": interval.confidence, "statements": interval.statements}
    sources = {"closed_by": _text(interval.closed_by), "evidence": [_text(one) for one in interval.evidence]}
    return [*(getattr(interval, name) for name in _TIMES), {**figures, **sources}]


_TIMES = ("valid_from", "valid_to", "learnt_at", "closed_at", "last_stated")


def _interval(like: Interval, held: Mapping[str, Any]) -> Interval:
    """Return the interval of an open relationship between the ends of another one."""
    return like._replace(
        valid_from=held["valid_from"],
        learnt_at=held["learnt_at"],
        confidence=held["confidence"],
        statements=held["statements"],
        last_stated=held["last_stated"],
        evidence=tuple(_SOURCE.decode(text) for text in held["evidence"]),
    )


def _text(source: Source | None) -> str | None:
    return source and msgspec.json.encode(source).decode()


_SOURCE = msgspec.json.Decoder(Source)
