"""What somebody states about entities: checked, resolved to ids, stored before the caller hears of it.

The stream carries it into the graph. Nothing is overwritten there: a statement that no longer holds is stated as ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import ValidationError

from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.domain.entities.types import TYPES, in_graph
from helix_pipeline.domain.relationships.cues import RELATIONS
from helix_pipeline.errors import UsageError
from helix_pipeline.formats.wire import UnpublishableError, encode
from helix_pipeline.services.kept import KeptEvent
from helix_pipeline.services.knowledge.questions import known
from helix_pipeline.services.knowledge.stores import KnowledgeStores
from helix_pipeline.services.outbox import Publish, Stored

RESERVED = ("co_occurs_with", "associated_with", "same_as")
"""Relations that are counted or derived, never stated."""

_Event = TypeVar("_Event", EntityStated, RelationshipStated)


@dataclass(frozen=True)
class Statement:
    """What every statement may say of itself: when it holds from (now), who says it, and more.

    Stated again with the same `event_id`, it is the same statement.
    """

    event_id: str | None = None
    timestamp: datetime | None = None
    source: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RelationshipStatement(Statement):
    """A statement of a relationship: how sure it is, whether it ended, and the message that says so."""

    confidence: float = 1.0
    ended: bool = False
    conversation_id: str | None = None
    message_id: str | None = None


@dataclass(frozen=True)
class NamedEntity:
    """An entity as a caller names it: by id, name or alias of one in the graph; with a type, by the name alone."""

    name: str
    type: str | None = None
    subtype: str = ""


@dataclass(frozen=True)
class StatedEntity:
    """What became of a statement; `accepted` is false where it had been made before, as far as `stored` knows."""

    entity_id: str
    name: str
    type: str
    event_id: str
    accepted: bool
    stored: Stored


@dataclass(frozen=True)
class StatedRelationship:
    """What became of a statement; `accepted` is false where it had been made before, as far as `stored` knows."""

    subject_id: str
    relation: str
    object_id: str
    event_id: str
    accepted: bool
    stored: Stored


def state_entity(
    stores: KnowledgeStores, entity: NamedEntity, aliases: Sequence[str], statement: Statement
) -> StatedEntity:
    """State that an entity is there, of this name and type, and called by these aliases.

    Its id is that of the name: what a message calls so is the same entity. Raises UsageError where it is none of the
    graph, StoreError where it cannot be stored: then the same statement with its `event_id` can be made again.
    """
    type, subtype = _kind(entity, "entity")
    found = stores.resolver.resolve(entity.name, type, subtype)
    said = {"name": found.name, "type": found.type, "subtype": found.subtype or None, "aliases": list(aliases)}
    event = _event(EntityStated, statement, entity_id=found.id, **said)
    return StatedEntity(found.id, found.name, found.type, event.event_id, *_stored(stores, event))


def state_relationship(
    stores: KnowledgeStores, subject: NamedEntity, relation: str, object: NamedEntity, statement: RelationshipStatement
) -> StatedRelationship:
    """State that two entities are in a relation from a time on or, where it ended, no longer.

    Raises UsageError, UnknownEntityError for an entity without a type that is not in the graph, StoreError as
    `state_entity`.
    """
    if relation in RESERVED:
        raise UsageError(f"relation: {relation!r} is counted, not stated; give another, such as {', '.join(RELATIONS)}")
    subject_id, object_id = _id(stores, "subject", subject), _id(stores, "object", object)
    said = {name: getattr(statement, name) for name in ("confidence", "ended", "conversation_id", "message_id")}
    event = _event(RelationshipStated, statement, entity_id=subject_id, relation=relation, object_id=object_id, **said)
    return StatedRelationship(subject_id, relation, object_id, event.event_id, *_stored(stores, event))


def _id(stores: KnowledgeStores, place: str, entity: NamedEntity) -> str:
    if entity.type is None:
        return stores.ask(lambda reader: known(stores, reader, entity.name)).value.id
    return stores.resolver.resolve(entity.name, *_kind(entity, place)).id


def _kind(entity: NamedEntity, place: str) -> tuple[str, str]:
    """Return type and sub-type of an entity of the graph."""
    type, subtype = (entity.type or "").upper(), entity.subtype
    kinds = [one for one in TYPES if in_graph(one, "")]
    if type not in kinds:
        raise UsageError(f"{place}.type: unknown {entity.type!r}; known are {', '.join(kinds)}")
    if not in_graph(type, subtype):
        raise UsageError(f"{place}.subtype: {subtype!r} names the inside of a program, which the graph leaves out")
    return type, subtype


def _event(kind: type[_Event], statement: Statement, **said: Any) -> _Event:
    """Return a checked event. Raises UsageError naming the first field that is wrong."""
    at = statement.timestamp or datetime.now(UTC)
    about = {
        "event_id": statement.event_id or uuid4().hex,
        "timestamp": (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC),
        "source": statement.source,
        "metadata": dict(statement.metadata),
    }
    try:
        return kind.model_validate(about | said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _stored(stores: KnowledgeStores, event: EntityStated | RelationshipStated) -> tuple[bool, Stored]:
    """Store a statement; return whether it is new there, and where that is."""
    try:
        record = encode(event, stores.settings.kafka.max_message_bytes)
    except UnpublishableError as error:
        raise UsageError(str(error)) from None

    def direct(publish: Publish) -> tuple[bool, Stored]:
        return publish([record]) == 1, "kafka"

    def keep() -> tuple[bool, Stored]:
        return stores.outbox.keep([KeptEvent(record)]) == 1, "journal"

    return stores.outbox.send(direct, keep)
