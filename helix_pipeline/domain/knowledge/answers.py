"""What the knowledge graph is asked and what it answers, whichever store gives the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from helix_pipeline.errors import StoreError


@dataclass(frozen=True, slots=True)
class EntityName:
    """An entity as it is shown."""

    id: str
    name: str
    type: str
    subtype: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A message that names or says what it stands beside; without `message_id`, several of the conversation do."""

    conversation_id: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation between two entities, read from `source_id` to `target_id`.

    `type` is a stated one, or `co_occurs_with` (neither direction means more). `strength` is in [0, 1], see
    `domain.knowledge.strength`. A relation that was closed has `valid_to`, and `closed_by` where a message closed it.
    """

    source_id: str
    target_id: str
    type: str
    strength: float
    frequency: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    learnt_at: datetime | None = None
    closed_by: Evidence | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Related:
    """An entity near the one asked for, over the strongest way of `distance` relations, with the product of theirs.

    `relations` are those along the way, `via` the entities between.
    """

    id: str
    name: str
    type: str
    strength: float
    distance: int = 1
    subtype: str = ""
    relations: tuple[Relation, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    via: tuple[EntityName, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An entity that a search found; `score` falls along the result, `matched` is the name that fits the query."""

    id: str
    name: str
    type: str
    score: float
    mentions: int
    matched: str
    subtype: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A conversation that names an entity, so many times between `first` and `last`."""

    conversation_id: str
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of an entity, and why it is the same; `id` where it was an entity of its own before."""

    name: str
    reason: str = ""
    confidence: float = 1.0
    id: str | None = None


@dataclass(frozen=True, slots=True)
class EntityDetails:
    """All that is known of one entity. `timeline` is its stated relations in order of `valid_from`, closed ones too.

    `others` are the entities and users that the timeline relates it to; `conversations` begin with the latest.
    """

    id: str
    name: str
    type: str
    subtype: str
    mentions: int
    messages: int
    first_seen: datetime | None
    last_seen: datetime | None
    community: int | None = None
    aliases: tuple[Alias, ...] = ()
    timeline: tuple[Relation, ...] = ()
    others: tuple[EntityName, ...] = ()
    conversations: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """The shortest way between two entities, of all shortest the strongest: entities and the relations between."""

    entities: tuple[EntityName, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Community:
    """A cluster of the graph: its size, and its most named entities."""

    id: int
    size: int
    entities: tuple[EntityName, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """An entity of a picture, with what decides its size and colour."""

    id: str
    name: str
    type: str
    subtype: str
    mentions: int
    community: int | None = None


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A part of the graph for a picture; `truncated` where a limit left something out."""

    nodes: tuple[Node, ...] = ()
    relations: tuple[Relation, ...] = ()
    truncated: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a query is about: its vector by a model."""

    model: str
    vector: Sequence[float]


class NoVectorsError(StoreError):
    """A reader has no vectors that a query's can be compared with; says why."""


class KnowledgeReader(Protocol):
    """What a store of the graph answers. An unknown entity is None, never an error; ids and names are any text.

    `types` keeps entities of these types, all where empty; `at` is the instant that stated relations hold at.
    """

    def find(self, name_or_id: str) -> EntityName | None:
        """Return the entity of this id, else the most mentioned one of this name or alias, ignoring case."""
        ...

    def related(
        self, entity_id: str, depth: int, limit: int, types: Sequence[str], at: datetime
    ) -> tuple[Related, ...]:
        """Return the entities within `depth` relations (1 to 3), strongest first."""
        ...

    def search(self, query: str, types: Sequence[str], limit: int, meaning: Meaning | None = None) -> tuple[Found, ...]:
        """Return the entities whose names fit the query: words, prefixes, and words with a typing error.

        With its meaning, those too that are named where similar things are said. Raises NoVectorsError.
        """
        ...

    def entity(self, entity_id: str) -> EntityDetails | None:
        """Return all that is known of an entity."""
        ...

    def path(self, source_id: str, target_id: str, longest: int, at: datetime) -> Path | None:
        """Return the shortest way between two entities over at most `longest` relations, if there is one."""
        ...

    def communities(self, limit: int) -> tuple[Community, ...]:
        """Return the largest communities."""
        ...

    def subgraph(self, entity_ids: Sequence[str], depth: int, limit: int, at: datetime) -> Subgraph:
        """Return the neighbourhood of the entities (of the most mentioned ones where none), `limit` nodes at most."""
        ...
