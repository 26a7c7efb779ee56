"""The shortest way between two entities of a snapshot in memory: what `graph_paths` answers from Neo4j.

From both ends the graph is searched level by level, always the smaller frontier (bidirectional breadth-first search;
Pohl 1971); of the shortest ways the strongest is then the best along the levels.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from helix_pipeline.domain.knowledge.answers import Path, Relation
from helix_pipeline.stores.graph_memory_details import name_at
from helix_pipeline.stores.graph_memory_relations import pair_strengths, relation, row_strength, stated_rows
from helix_pipeline.stores.graph_memory_tables import Ints, Tables
from helix_pipeline.stores.graph_relations import CO_OCCURS

SAME = "same_as"

Levels = NDArray[np.int8]


class Step(NamedTuple):
    """A relation from one row of an entity to another."""

    source: int
    target: int
    relation: Relation


def shortest(tables: Tables, source_id: str, target_id: str, longest: int, at: datetime) -> Path | None:
    """Return the strongest of the shortest paths over at most `longest` relations, which hold at an instant.

    That two entities are the same counts as a relation, of type `same_as`. The ends must be two entities.
    """
    source, target = tables.row(source_id), tables.row(target_id)
    if source is None or target is None:
        return None
    levels = _levels(tables, source, target, longest, at)
    best: dict[int, tuple[float, tuple[Step, ...]]] = {source: (1.0, ())}
    for here, there in levels:
        best = _along(tables, best, here, there, at)
    if target not in best or not levels:
        return None
    steps = best[target][1]
    rows = [source, *(step.target for step in steps)]
    return Path(tuple(name_at(tables, row) for row in rows), tuple(step.relation for step in steps))


def _levels(tables: Tables, source: int, target: int, longest: int, at: datetime) -> list[tuple[Ints, Ints]]:
    """Return the successive levels of all shortest paths, each with the next; none where there is no path."""
    sides = [_Side(tables, source), _Side(tables, target)]
    for _ in range(longest):
        smaller = min(sides, key=lambda side: len(side.levels[-1]))
        smaller.grow(tables, at)
        met = np.intersect1d(sides[0].levels[-1], sides[1].levels[-1])
        if len(met):
            return list(_between(tables, sides, met, at))
        if not len(smaller.levels[-1]):
            break
    return []


class _Side:
    """What has been reached from one end: the entities of each level, and all of them."""

    def __init__(self, tables: Tables, start: int) -> None:
        self.levels: list[Ints] = [np.array([start], np.int32)]
        self._seen = np.zeros(len(tables.canonical), np.bool_)
        self._seen[start] = True

    def grow(self, tables: Tables, at: datetime) -> None:
        """Go on by one relation."""
        found = _reached(tables, self.levels[-1], at)
        fresh = found[~self._seen[found]]
        self._seen[fresh] = True
        self.levels.append(fresh)


def _between(tables: Tables, sides: list[_Side], met: Ints, at: datetime) -> Iterator[tuple[Ints, Ints]]:
    """Yield the levels of the shortest paths, of which `met` is the one where both sides met."""
    before, after = [met], [met]
    for level in reversed(sides[0].levels[:-1]):
        before.append(np.intersect1d(_reached(tables, before[-1], at), level))
    for level in reversed(sides[1].levels[:-1]):
        after.append(np.intersect1d(_reached(tables, after[-1], at), level))
    levels = [*reversed(before), *after[1:]]
    yield from pairwise(levels)


def _reached(tables: Tables, rows: Ints, at: datetime) -> Ints:
    """Return the entities that are one relation away from some, each once."""
    together = tables.pairs.of(rows)[2]
    ends, owners = tables.stated_by_end.of_all(rows)
    held = np.isin(ends, tables.holding(ends, at.timestamp() * 1000))
    stated = tables.stated_ends[0][ends[held]] + tables.stated_ends[1][ends[held]] - owners[held]
    by_entity = stated[tables.stated_ends[0][ends[held]] >= 0]
    same = np.concatenate([tables.canonical[rows], tables.members.of_all(rows)[0]])
    return np.unique(np.concatenate([together, by_entity, same])).astype(np.int32)


def _along(
    tables: Tables, best: dict[int, tuple[float, tuple[Step, ...]]], here: Ints, there: Ints, at: datetime
) -> dict[int, tuple[float, tuple[Step, ...]]]:
    """Return the strongest way to each entity of the next level; of equal ones that over the smaller ids."""
    further: dict[int, tuple[float, tuple[Step, ...]]] = {}
    for step in sorted(_steps(tables, here, there, at), key=lambda step: (step.source, step.target)):
        if step.source not in best:
            continue
        strength, steps = best[step.source]
        strength *= step.relation.strength
        if step.target not in further or strength > further[step.target][0]:
            further[step.target] = strength, (*steps, step)
    return further


def _steps(tables: Tables, here: Ints, there: Ints, at: datetime) -> Iterable[Step]:
    """Yield the relations from entities of one level to those of the next."""
    now_ms, ids = at.timestamp() * 1000, tables.ids
    rows, owners, others = tables.pairs.of(here)
    inside = np.isin(others, there)
    columns = (column[inside].tolist() for column in (rows, owners, others))
    strengths = pair_strengths(tables, rows[inside], now_ms).tolist()
    for row, source, target, strength in zip(*columns, strengths, strict=True):
        ends = ids[int(tables.pairs.a[row])].as_py(), ids[int(tables.pairs.b[row])].as_py()
        yield Step(source, target, Relation(*ends, CO_OCCURS, strength, int(tables.pairs.frequency[row])))
    stated, _ = tables.stated_by_end.of_all(here)
    for found in stated_rows(tables, tables.holding(np.unique(stated), now_ms)):
        for source, target in ((found["source_row"], found["target_row"]), (found["target_row"], found["source_row"])):
            if source in here and target in there:
                yield Step(
                    source, target, relation(found["source"], found["target"], found, row_strength(found, now_ms))
                )
    yield from _sameness(tables, here, there)


def _sameness(tables: Tables, here: Ints, there: Ints) -> Iterable[Step]:
    source, target = (tables.same[name].to_numpy() for name in ("source_row", "target_row"))
    forward = np.isin(source, here) & np.isin(target, there)
    backward = np.isin(target, here) & np.isin(source, there)
    for one in tables.same.filter(pa.array(forward | backward)).to_pylist():
        same = Relation(one["source"], one["target"], SAME, one["confidence"] or 0.0)
        ends = one["source_row"], one["target_row"]
        yield Step(*(ends if ends[0] in here else ends[::-1]), same)
