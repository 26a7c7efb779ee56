"""Single entities of a snapshot in memory, and its communities: what `graph_details` answers from Neo4j."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.domain.knowledge.answers import Alias, Community, EntityDetails, EntityName, Named, Node, Relation
from helix_pipeline.stores.graph_details import MOST_CONVERSATIONS, MOST_STATED
from helix_pipeline.stores.graph_memory_relations import relation, row_strength, stated_rows
from helix_pipeline.stores.graph_memory_tables import Ints, Tables
from helix_pipeline.stores.graph_relations import ASSOCIATED

MOST_MEMBERS = 20
"""Entities of a community that are named, the most mentioned."""


def names(tables: Tables, ids: Iterable[str]) -> dict[str, EntityName]:
    """Return the names of entities by their ids; unknown ones are left out."""
    return {id: name_at(tables, row) for id in ids if (row := tables.row(id)) is not None}


def name_at(tables: Tables, row: int) -> EntityName:
    """Return the name of the entity of a row."""
    return EntityName(*(tables.entities[name][row].as_py() for name in ("id", "name", "type", "subtype")))


def nodes(tables: Tables, ids: Iterable[str]) -> list[Node]:
    """Return entities as they are drawn."""
    found = []
    for row in (row for id in ids if (row := tables.row(id)) is not None):
        name = name_at(tables, row)
        mentions, community = (tables.entities[column][row].as_py() for column in ("mentions", "community"))
        found.append(Node(name.id, name.name, name.type, name.subtype, mentions, community))
    return found


def most_mentioned(tables: Tables, limit: int) -> list[str]:
    """Return the ids of the most mentioned entities, without those that stand for another."""
    own = np.flatnonzero(tables.canonical == np.arange(len(tables.canonical))).astype(np.int32)
    ranked = _by_mentions(tables, own)[:limit]
    return list(tables.ids.take(pa.array(ranked)).to_pylist())


def details(tables: Tables, entity_id: str, at: datetime) -> EntityDetails | None:
    """Return what is known of an entity; of an alias, what is known of the entity that it stands for."""
    asked = tables.row(entity_id)
    if asked is None:
        return None
    row = int(tables.canonical[asked])
    members = _by_mentions(tables, tables.members.of(row)[tables.members.of(row) != row])
    whole = tables.entities.take(pa.array([row, *members], pa.int64())).to_pylist()
    everywhere = np.unique(np.array([row, *members], np.int32))
    name, stated = name_at(tables, row), _stated(tables, everywhere)
    return EntityDetails(
        id=name.id,
        name=name.name,
        type=name.type,
        subtype=name.subtype,
        mentions=sum(one["mentions"] for one in whole),
        messages=sum(one["messages"] for one in whole),
        first_seen=min((one["first_seen"] for one in whole if one["first_seen"]), default=None),
        last_seen=max((one["last_seen"] for one in whole if one["last_seen"]), default=None),
        community=whole[0]["community"],
        aliases=_aliases(tables, whole),
        timeline=_timeline(name.id, stated, set(everywhere.tolist()), at),
        others=_others(tables, stated, set(everywhere.tolist())),
        conversations=_conversations(tables, everywhere),
    )


def largest(tables: Tables, limit: int) -> tuple[Community, ...]:
    """Return the largest communities, of equal ones that with the smaller number first."""
    column = tables.entities["community"].combine_chunks()
    sizes = sorted(((one["counts"], one["values"]) for one in column.drop_null().value_counts().to_pylist()), key=_size)
    return tuple(Community(id, size, _members(tables, column, id)) for size, id in sizes[:limit])


def _size(counted: tuple[int, int]) -> tuple[int, int]:
    return -counted[0], counted[1]


def _members(tables: Tables, column: pa.Array, id: int) -> tuple[EntityName, ...]:
    inside = pc.fill_null(pc.equal(column, id), False).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(inside).astype(np.int32)
    return tuple(name_at(tables, int(row)) for row in _by_mentions(tables, rows)[:MOST_MEMBERS])


def _by_mentions(tables: Tables, rows: Ints) -> Ints:
    """Return rows of entities, the most mentioned first, of equal ones that with the smaller id."""
    ordered = np.sort(rows)
    found: Ints = ordered[np.argsort(-tables.mentions[ordered], kind="stable")]
    return found


def _aliases(tables: Tables, whole: Sequence[dict[str, Any]]) -> tuple[Alias, ...]:
    """Return the other names of an entity: its own first, then each entity that is the same, with its names."""
    own, *members = whole
    found = [Alias(name) for name in own["aliases"] or () if name != own["name"]]
    for one in members:
        link = tables.same.filter(pc.equal(tables.same["source"], one["id"])).to_pylist()[0]
        for name in dict.fromkeys([one["name"], *(one["aliases"] or ())]):
            found.append(Alias(name, link["reason"] or "", link["confidence"] or 0.0, one["id"]))
    return tuple(found)


def _stated(tables: Tables, whole: Ints) -> list[dict[str, Any]]:
    """Return the rows of what is stated of an entity, closed ones too, the latest first."""
    rows = np.unique(tables.stated_by_end.of_all(whole)[0])
    said = rows[np.asarray(tables.stated["type"].take(pa.array(rows)).to_pylist(), object) != ASSOCIATED]
    latest = said[np.argsort(-tables.interval[0][said], kind="stable")][:MOST_STATED]
    inside = set(whole.tolist())
    return sorted(stated_rows(tables, latest), key=lambda one: _latest_first(one, inside))


def _latest_first(one: dict[str, Any], whole: set[int]) -> tuple[float, str, str]:
    other = one["target"] if one["source_row"] in whole else one["source"]
    return -one["valid_from"].timestamp(), one["type"], other


def _timeline(id: str, stated: list[dict[str, Any]], whole: set[int], at: datetime) -> tuple[Relation, ...]:
    found = []
    for one in stated:
        source, target = (id, one["target"]) if one["source_row"] in whole else (one["source"], id)
        found.append(relation(source, target, one, row_strength(one, at.timestamp() * 1000)))
    return tuple(sorted(found, key=lambda one: (one.valid_from, one.type, one.target_id)))


def _others(tables: Tables, stated: list[dict[str, Any]], whole: set[int]) -> tuple[EntityName, ...]:
    """Return the names of what an entity is related to, the latest first; a user is shown by the id."""
    found: dict[str, EntityName] = {}
    for one in stated:
        row = one["target_row"] if one["source_row"] in whole else one["source_row"]
        name = name_at(tables, row) if row >= 0 else EntityName(one["source"], one["source"], "")
        found.setdefault(name.id, name)
    return tuple(found.values())


def _conversations(tables: Tables, whole: Ints) -> tuple[Named, ...]:
    rows = tables.mentioned.take(pa.array(tables.mentioned_by.of_all(whole)[0])).to_pylist()
    counts: Counter[str] = Counter()
    spans: dict[str, tuple[datetime, datetime]] = {}
    for one in rows:
        id, first, last = one["conversation"], one["first"] or _EPOCH, one["last"] or _EPOCH
        before = spans.get(id, (first, last))
        counts[id] += one["count"]
        spans[id] = min(first, before[0]), max(last, before[1])
    named = [Named(id, counts[id], *span) for id, span in spans.items()]
    return tuple(sorted(named, key=lambda one: (-one.last.timestamp(), one.conversation_id))[:MOST_CONVERSATIONS])


_EPOCH = datetime.fromtimestamp(0, UTC)
