"""Questions to the knowledge graph: what is related, found, known, between, and together. Checks what it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from helix_pipeline.domain.entities.types import TYPES, in_graph
from helix_pipeline.domain.knowledge.answers import (
    Community,
    EntityDetails,
    EntityName,
    Found,
    KnowledgeReader,
    Meaning,
    NoVectorsError,
    Path,
    Related,
    Subgraph,
)
from helix_pipeline.errors import NotFoundError, StoreError, UsageError
from helix_pipeline.services.knowledge.stores import Answered, KnowledgeStores

MAX_DEPTH = 3
MAX_LIMIT = 200
MAX_LONGEST = 6
MAX_NAME = 512
MAX_QUERY = 256
MAX_ENTITIES = 20
NEAR = 3
"""Entities of a similar name that an error names."""


class UnknownEntityError(NotFoundError):
    """The graph has no entity of this id, name or alias; names those that are called nearly so."""


class NoPathError(NotFoundError):
    """Two entities are not related over so many relations."""


@dataclass(frozen=True)
class RelatedTo:
    """What is related to an entity, strongest first."""

    entity: EntityName
    related: tuple[Related, ...]


def related(
    stores: KnowledgeStores,
    entity: str,
    *,
    depth: int = 1,
    limit: int = 20,
    types: Sequence[str] = (),
    at: datetime | None = None,
) -> Answered[RelatedTo]:
    """Return what is related to an entity, given by its id, name or alias, at an instant (now).

    `depth` is 1 to 3, `limit` 1 to 200, `types` keeps entities of these. Raises UsageError, UnknownEntityError.
    """
    _check_name("entity", entity)
    _check_range("depth", depth, 1, MAX_DEPTH)
    _check_range("limit", limit, 1, MAX_LIMIT)
    kinds, moment = checked_types(types), _moment(at)

    def question(reader: KnowledgeReader) -> RelatedTo:
        found = known(stores, reader, entity)
        return RelatedTo(found, reader.related(found.id, depth, limit, kinds, moment))

    return stores.ask(question)


def search(
    stores: KnowledgeStores, query: str, *, types: Sequence[str] = (), limit: int = 10
) -> Answered[tuple[Found, ...]]:
    """Return the entities that a query finds, best first: by name, and by meaning where embeddings are on.

    `query` has 1 to 256 characters, `limit` is 1 to 200. What cannot be found by meaning is found by name alone, and
    notes say so. Raises UsageError.
    """
    if not 1 <= len(query.strip()) <= MAX_QUERY:
        raise UsageError(f"query: {len(query):,} characters; give 1 to {MAX_QUERY}")
    _check_range("limit", limit, 1, MAX_LIMIT)
    kinds = checked_types(types)
    meaning, notes = _meaning(stores, query)

    def question(reader: KnowledgeReader) -> tuple[tuple[Found, ...], tuple[str, ...]]:
        try:
            return reader.search(query, kinds, limit, meaning), notes
        except NoVectorsError as error:
            return reader.search(query, kinds, limit), (_by_name_alone(error),)

    found = stores.ask(question)
    return Answered(found.value[0], found.source, found.as_of, (*found.notes, *found.value[1]))


def details(stores: KnowledgeStores, entity: str) -> Answered[EntityDetails]:
    """Return all that is known of an entity, given by its id, name or alias. Raises UnknownEntityError."""
    _check_name("entity", entity)

    def question(reader: KnowledgeReader) -> EntityDetails:
        found = reader.entity(known(stores, reader, entity).id)
        if found is None:
            raise UnknownEntityError(f"entity {entity!r} has just been removed")
        return found

    return stores.ask(question)


def path(
    stores: KnowledgeStores, source: str, target: str, *, longest: int = 4, at: datetime | None = None
) -> Answered[Path]:
    """Return the shortest way between two entities, of the shortest the strongest, at an instant (now).

    `longest` is 1 to 6 relations. Raises UsageError, UnknownEntityError, and NoPathError where there is none.
    """
    _check_name("from", source)
    _check_name("to", target)
    _check_range("longest", longest, 1, MAX_LONGEST)
    moment = _moment(at)

    def question(reader: KnowledgeReader) -> Path:
        ends = known(stores, reader, source), known(stores, reader, target)
        found = reader.path(ends[0].id, ends[1].id, longest, moment)
        if found is None:
            raise NoPathError(f"no way of at most {longest} relations between {ends[0].name!r} and {ends[1].name!r}")
        return found

    return stores.ask(question)


def communities(stores: KnowledgeStores, limit: int = 20) -> Answered[tuple[Community, ...]]:
    """Return the largest clusters of the graph, as the last refresh found them; `limit` is 1 to 200."""
    _check_range("limit", limit, 1, MAX_LIMIT)
    return stores.ask(lambda reader: reader.communities(limit))


def subgraph(
    stores: KnowledgeStores,
    entities: Sequence[str] = (),
    *,
    depth: int = 1,
    limit: int = 30,
    at: datetime | None = None,
) -> Answered[Subgraph]:
    """Return a part of the graph for a picture: at most 20 entities and those around them, `limit` (1 to 200) together.

    Without entities it is the most mentioned ones. Raises UsageError, UnknownEntityError.
    """
    if len(entities) > MAX_ENTITIES:
        raise UsageError(f"entity: {len(entities)} given; at most {MAX_ENTITIES} at a time")
    for entity in entities:
        _check_name("entity", entity)
    _check_range("depth", depth, 1, MAX_DEPTH)
    _check_range("limit", limit, 1, MAX_LIMIT)
    moment = _moment(at)
    return stores.ask(
        lambda reader: reader.subgraph([known(stores, reader, entity).id for entity in entities], depth, limit, moment)
    )


def checked_types(types: Sequence[str]) -> tuple[str, ...]:
    """Return types in upper case; raises UsageError for an unknown one."""
    found = tuple(type.strip().upper() for type in types if type.strip())
    if unknown := [type for type in found if type not in TYPES]:
        raise UsageError(f"types: unknown {unknown[0][:40]!r}; known are {', '.join(TYPES)}")
    return found


def known(stores: KnowledgeStores, reader: KnowledgeReader, entity: str) -> EntityName:
    """Return the entity of this id, name or alias, or of a name that resolves to one. Raises UnknownEntityError."""
    found = reader.find(entity)
    if found is None:
        resolved = dict.fromkeys(stores.resolver.resolve(entity, type, "").id for type in TYPES if in_graph(type, ""))
        found = next(filter(None, map(reader.find, resolved)), None)
    if found is None:
        near = [f"{one.name} ({one.id})" for one in reader.search(entity[:MAX_QUERY], (), NEAR)]
        others = f"; near it are {', '.join(near)}" if near else ""
        raise UnknownEntityError(f"no entity {entity[:100]!r} in the graph{others}")
    return found


def _meaning(stores: KnowledgeStores, query: str) -> tuple[Meaning | None, tuple[str, ...]]:
    """Return what a query is about, if that can be told, and notes on why it cannot."""
    try:
        return stores.meaning(query), ()
    except StoreError as error:
        return None, (_by_name_alone(error),)


def _by_name_alone(error: StoreError) -> str:
    return f"found by name alone: {error}"


def _check_name(name: str, value: str) -> None:
    if not 1 <= len(value.strip()) <= MAX_NAME:
        raise UsageError(f"{name}: {len(value):,} characters; give 1 to {MAX_NAME}")


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name}: {value}; give {low} to {high}")


def _moment(at: datetime | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
