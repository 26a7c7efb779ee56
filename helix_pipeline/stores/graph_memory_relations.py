"""Relations of a snapshot in memory: what `graph_neighbours` and `graph_relations` answer from Neo4j."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from helix_pipeline.domain.knowledge.answers import Evidence, Relation
from helix_pipeline.domain.knowledge.around import Neighbour, Pair, pair
from helix_pipeline.domain.knowledge.strength import combined, decay
from helix_pipeline.stores.graph_memory_tables import Ints, Tables
from helix_pipeline.stores.graph_neighbours import MOST_STATED
from helix_pipeline.stores.graph_relations import (
    ASSOCIATED,
    CO_OCCURS,
    CONVERSATIONS,
    LOOKED_AT,
    cause,
    counted_strength,
    evidence,
    merged,
    said_strength,
)

STRONGEST = 1_000
"""Entities that one is named with which are its neighbours, the strongest; what else there is leads nowhere."""

Floats = NDArray[np.float64]


def neighbours(tables: Tables, ids: Sequence[str], at: datetime) -> list[Neighbour]:
    """Return the neighbours of the entities with these canonical ids, as of an instant, each pair once."""
    now_ms = at.timestamp() * 1000
    counted: dict[tuple[str, int], float] = defaultdict(float)
    said: dict[tuple[str, int], list[float]] = defaultdict(list)
    for id in ids:
        whole = tables.whole(id)
        for other, strength in _counted(tables, whole, now_ms):
            counted[id, other] = max(strength, counted[id, other])
        for other, found in _stated(tables, whole, now_ms):
            if found["type"] == ASSOCIATED:
                counted[id, other] = max(found["strength"], counted[id, other])
            else:
                said[id, other].append(said_row_strength(found, now_ms))
    together = {ends: combined(counted.get(ends, 0.0), *strengths) for ends, strengths in said.items()}
    return _neighbours(tables, counted | together)


def between(tables: Tables, pairs: Iterable[Pair], at: datetime) -> dict[Pair, list[Relation]]:
    """Return the relations that hold between the entities of each pair of canonical ids, strongest first."""
    found = {ends: [*_together(tables, ends, at), *_said_between(tables, ends, at)] for ends in pairs}
    ordered = {ends: sorted(merged(some), key=lambda one: (-one.strength, one.type)) for ends, some in found.items()}
    return {ends: some for ends, some in ordered.items() if some}


def connected(tables: Tables, ids: Sequence[str]) -> list[Pair]:
    """Return the pairs of these canonical ids between which there is any relation, whenever it holds."""
    whole = {id: tables.whole(id) for id in ids}
    of = {int(row): id for id, rows in whole.items() for row in rows}
    everywhere = np.array(sorted(of), np.int32)
    _, owners, others = tables.pairs.of(everywhere)
    ends, stated_owners = tables.stated_by_end.of_all(everywhere)
    stated_others = tables.stated_ends[0][ends] + tables.stated_ends[1][ends] - stated_owners
    stated_others[tables.stated_ends[0][ends] < 0] = -1
    sides = np.concatenate([owners, stated_owners]), np.concatenate([others, stated_others])
    inside = np.isin(sides[1], everywhere)
    found = {pair(of[a], of[b]) for a, b in zip(*(side[inside].tolist() for side in sides), strict=True)}
    return sorted(ends for ends in found if ends[0] != ends[1])


def relation(source: str, target: str, found: dict[str, Any], strength: float) -> Relation:
    """Return a stated relation from its row."""
    return Relation(
        source_id=source,
        target_id=target,
        type=found["type"],
        strength=strength,
        frequency=found["statements"] or 0,
        valid_from=found["valid_from"],
        valid_to=found["valid_to"],
        learnt_at=found["learnt_at"],
        closed_by=cause(found["closed_by"]),
        evidence=evidence(found["evidence"]),
    )


def row_strength(found: dict[str, Any], now_ms: float) -> float:
    """Return the strength of a stated or associated relation from its row."""
    return float(found["strength"]) if found["type"] == ASSOCIATED else said_row_strength(found, now_ms)


def said_row_strength(found: dict[str, Any], now_ms: float) -> float:
    """Return the strength of a stated relation from its row."""
    last_ms = found["last_stated"].timestamp() * 1000
    return float(said_strength(found["confidence"], found["statements"], last_ms, now_ms))


def pair_strengths(tables: Tables, rows: Ints, now_ms: float) -> Floats:
    """Return the strength of pairs of entities, by their rows."""
    pairs, counted = tables.pairs, tables.counted
    ends = counted[pairs.a[rows]], counted[pairs.b[rows]]
    return counted_strength(pairs.frequency[rows], *ends, tables.messages) * decay(pairs.last[rows], now_ms)


def stated_rows(tables: Tables, rows: Ints) -> list[dict[str, Any]]:
    """Return rows of the stated relations."""
    found: list[dict[str, Any]] = tables.stated.take(pa.array(rows)).to_pylist()
    return found


def _counted(tables: Tables, whole: Ints, now_ms: float) -> Iterable[tuple[int, float]]:
    """Yield the canonical row and the strength of the entities that these are named with."""
    rows, _, others = tables.pairs.of(whole)
    strengths = pair_strengths(tables, rows, now_ms)
    if len(rows) > STRONGEST:
        strongest = np.argpartition(-strengths, STRONGEST)[:STRONGEST]
        others, strengths = others[strongest], strengths[strongest]
    return zip(tables.canonical[others].tolist(), strengths.tolist(), strict=True)


def _stated(tables: Tables, whole: Ints, now_ms: float) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield the canonical row of the other entity, and the row, of the stated relations of these that hold."""
    ends, owners = tables.stated_by_end.of_all(whole)
    latest = np.argsort(-tables.interval[0][ends], kind="stable")[:MOST_STATED]
    owner_of = dict(zip(ends[latest].tolist(), owners[latest].tolist(), strict=True))
    held = tables.holding(ends[latest], now_ms)
    for row, found in zip(held.tolist(), stated_rows(tables, held), strict=True):
        other = found["source_row"] + found["target_row"] - owner_of[row]
        if found["source_row"] >= 0:
            yield int(tables.canonical[other]), found


def _neighbours(tables: Tables, strengths: dict[tuple[str, int], float]) -> list[Neighbour]:
    others = pa.array([other for _, other in strengths], pa.int32())
    ids, kinds = (tables.entities[name].take(others).to_pylist() for name in ("id", "type"))
    found = zip(strengths.items(), ids, kinds, strict=True)
    return [Neighbour(source, id, kind, strength) for ((source, _), strength), id, kind in found if source != id]


def _together(tables: Tables, ends: Pair, at: datetime) -> Iterable[Relation]:
    """Yield how often two entities, or others that are the same, are named together."""
    first, second = (tables.whole(id) for id in ends)
    rows, owners, others = tables.pairs.of(_fewer(tables, first, second))
    other_side = second if len(owners) and owners[0] in first else first
    rows = np.unique(rows[np.isin(others, other_side)])
    strengths = pair_strengths(tables, rows, at.timestamp() * 1000)
    for row, strength in zip(rows.tolist(), strengths.tolist(), strict=True):
        source, target = ends if tables.pairs.a[row] in first else ends[::-1]
        yield Relation(source, target, CO_OCCURS, strength, int(tables.pairs.frequency[row]))


def _fewer(tables: Tables, first: Ints, second: Ints) -> Ints:
    """Return those of two groups of entities that are in fewer pairs."""
    starts = tables.pairs.by_end.starts
    return min(first, second, key=lambda rows: int((starts[rows + 1] - starts[rows]).sum()))


def _said_between(tables: Tables, ends: Pair, at: datetime) -> Iterable[Relation]:
    first, second = (tables.whole(id) for id in ends)
    rows, _ = tables.stated_by_end.of_all(first)
    for found in stated_rows(tables, tables.holding(np.unique(rows), at.timestamp() * 1000)):
        there = found["source_row"], found["target_row"]
        strength = row_strength(found, at.timestamp() * 1000)
        if there[0] in first and there[1] in second:
            yield relation(*ends, found, strength)
        elif there[0] in second and there[1] in first:
            yield relation(*ends[::-1], found, strength)


def shared(tables: Tables, a: str, b: str) -> tuple[Evidence, ...]:
    """Return a few conversations that name both of two entities, the latest first."""
    rows = tables.row(a), tables.row(b)
    if rows[0] is None or rows[1] is None:
        return ()
    rarer, other = sorted((rows[0], rows[1]), key=lambda row: tables.counted[row]) if a != b else (rows[0], rows[0])
    codes = tables.mentioned_in
    looked_at = codes[tables.mentioned_by.of(rarer)[:LOOKED_AT]]
    both = looked_at[np.isin(looked_at, codes[tables.mentioned_by.of(other)])][:CONVERSATIONS]
    return tuple(map(Evidence, tables.conversations.take(pa.array(both)).to_pylist()))
