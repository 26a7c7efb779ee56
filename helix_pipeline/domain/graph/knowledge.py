"""What the events of the topic `helixagent.knowledge` add to the graph: entities and relationships of no message."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.domain.entities.resolution.known import known_entities
from helix_pipeline.domain.entities.types import in_graph
from helix_pipeline.domain.graph.claims import statement_deltas
from helix_pipeline.domain.graph.deltas import ENTITY, counted
from helix_pipeline.domain.graph.labels import fits, packed
from helix_pipeline.domain.relationships.intervals import Statement
from helix_pipeline.domain.relationships.roles import kind_of
from helix_pipeline.domain.relationships.stated import milliseconds

ENTITY_STATED = EntityStated.model_fields["event_type"].default

RELATIONSHIP_STATED = RelationshipStated.model_fields["event_type"].default

COLUMNS = (
    "event_type",
    "event_id",
    "entity_id",
    "name",
    "type",
    "subtype",
    "aliases",
    "relation",
    "object_id",
    "confidence",
    "ended",
    "conversation_id",
    "message_id",
    "source",
    "timestamp",
    "ingested_at",
)
"""What of an event matters to the graph."""

_FIELDS = ("entity_id", "name", "type", "subtype", "aliases")


def deltas(rows: pa.RecordBatch) -> pa.Table:
    """Return what knowledge events (`event_schema(KNOWLEDGE)`) add, as a table of `deltas.SCHEMA`."""
    stated = rows.filter(pc.equal(rows["event_type"], ENTITY_STATED))
    related = rows.filter(pc.equal(rows["event_type"], RELATIONSHIP_STATED))
    return pa.concat_tables([_entities(stated), statement_deltas(relationships(related))])


def _entities(rows: pa.RecordBatch) -> pa.Table:
    """An entity that is stated was named by no message: it counts for none."""
    named = list(_names(rows))
    ids, names, labels, at = zip(*named, strict=True) if named else ((), (), (), ())
    seen = milliseconds(rows["timestamp"]).take(pa.array(at, pa.int64()))
    text = pa.string()
    return counted(ENTITY, pa.array(ids, text), seen, b=pa.array(names, text), detail=pa.array(labels, text), n=0)


def _names(rows: pa.RecordBatch) -> Iterator[tuple[str, str, str, int]]:
    """Yield id, name or alias, label, and the index of its event."""
    columns: list[list[Any]] = [rows[name].to_pylist() for name in _FIELDS]
    for at, (id, name, type, subtype, aliases) in enumerate(zip(*columns, strict=True)):
        if in_graph(type, subtype or ""):
            label = packed(name, type, subtype or "")
            yield from ((id, alias, label, at) for alias in (name, *aliases) if fits(id, name, alias))


_STATED = ("entity_id", "relation", "object_id", "ended", "event_id", "confidence")
_SAID = ("source", "conversation_id", "message_id")


def relationships(rows: pa.RecordBatch) -> Iterator[Statement]:
    """Yield what events `relationship.stated` state; the rows have `COLUMNS`."""
    times = (milliseconds(rows[name]).to_pylist() for name in ("timestamp", "ingested_at"))
    told = (pc.fill_null(rows[name], "").to_pylist() for name in _SAID)
    columns = (*(rows[name].to_pylist() for name in _STATED), *times, *told)
    for subject, relation, object, ended, id, confidence, at, learnt, *about in zip(*columns, strict=True):
        yield Statement(subject, relation, object, _kind(object), ended, at, id, learnt, confidence, *about)


def _kind(object_id: str) -> str:
    """Return the kind of an object: of one that the project does not know, the type that its id begins with."""
    return kind_of(object_id, object_id.partition(":")[0].upper(), _subtypes().get(object_id, ""))


@cache
def _subtypes() -> dict[str, str]:
    return {entry.id: entry.subtype for entry in known_entities()}
