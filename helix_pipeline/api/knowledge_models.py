"""Bodies of the requests and answers of /v1/knowledge, with the examples of /docs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from helix_pipeline.api.flat import flat
from helix_pipeline.contracts.events import Share
from helix_pipeline.domain.knowledge.answers import (
    Community,
    EntityDetails,
    Found,
    Path,
    Subgraph,
)
from helix_pipeline.services.knowledge.questions import (
    MAX_DEPTH,
    MAX_ENTITIES,
    MAX_LIMIT,
    MAX_LONGEST,
    MAX_NAME,
    MAX_QUERY,
    RelatedTo,
)

SEARCH_EXAMPLES: dict[str, Any] = {
    "as it is typed": {"value": {"query": "kube", "limit": 5}},
    "with a typing error": {"value": {"query": "dokcer compse", "types": ["TECH"]}},
}
ENTITY_EXAMPLES: dict[str, Any] = {
    "a tool": {
        "value": {"name": "Helmsman", "type": "TECH", "subtype": "tool", "aliases": ["helmsman-cli"], "event_id": "e-1"}
    }
}
RELATIONSHIP_EXAMPLES: dict[str, Any] = {
    "between names": {
        "summary": "Names with a type need not be in the graph yet",
        "value": {
            "subject": {"name": "Helmsman", "type": "TECH"},
            "relation": "depends_on",
            "object": {"name": "Kubernetes", "type": "TECH"},
            "event_id": "e-2",
        },
    },
    "what ended": {
        "summary": "From then on it no longer holds; nothing is deleted",
        "value": {
            "subject": {"name": "Ann", "type": "PERSON"},
            "relation": "prefers",
            "object": {"name": "docker"},
            "ended": True,
            "timestamp": "2026-05-01T00:00:00Z",
            "conversation_id": "conv-123",
            "message_id": "m-7",
        },
    },
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, description="Id, name or alias")]
At = Annotated[datetime | None, Field(description="What was stated holds at this instant; default: now")]


class CommunitiesQuery(_Body):
    """How many clusters."""

    limit: Limit = 20


class SubgraphQuery(_Body):
    """Which part of the graph."""

    entity: list[Name] = Field(default_factory=list, max_length=MAX_ENTITIES, description="None: the most mentioned")
    depth: int = Field(default=1, ge=1, le=MAX_DEPTH, description="Relations from one to the next, at most")
    limit: Limit = 30
    at: At = None


class AroundQuery(_Body):
    """How far around an entity."""

    depth: int = Field(default=1, ge=1, le=MAX_DEPTH, description="Relations from one to the next, at most")
    limit: Limit = 20
    types: str = Field(default="", max_length=200, description="Only these, commas between", examples=["TECH,PRODUCT"])
    at: At = None


class RelatedQuery(AroundQuery):
    """Around which entity, and how far."""

    entity: Name


class PathQuery(_Body):
    """Between which entities."""

    source: Name = Field(alias="from")
    target: Name = Field(alias="to")
    longest: int = Field(default=4, ge=1, le=MAX_LONGEST, description="Relations, at most")
    at: At = None


class EntitySearchBody(_Body):
    """Parts of a name, as it is typed; typing errors are forgiven."""

    query: str = Field(min_length=1, max_length=MAX_QUERY)
    types: list[str] = Field(default_factory=list, max_length=20, description="Only entities of these types")
    limit: Limit = 10


class NamedEntityBody(_Body):
    """An entity: without a type, one of the graph by its id, name or alias; with a type, by its name alone."""

    name: str = Field(min_length=1, max_length=MAX_NAME)
    type: str | None = Field(default=None, max_length=32, examples=["TECH"])
    subtype: str = Field(default="", max_length=256)


class _Statement(_Body):
    event_id: str | None = Field(
        default=None, min_length=1, max_length=512, description="Stated again with it, it is the same statement"
    )
    timestamp: datetime | None = Field(default=None, description="Since when it holds; default: now")
    source: str | None = Field(default=None, min_length=1, max_length=256, description="Who says so")
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=50)


class EntityBody(_Statement):
    """An entity that is there, and what else it is called."""

    name: str = Field(min_length=1, max_length=256)
    type: str = Field(max_length=32)
    subtype: str = Field(default="", max_length=256)
    aliases: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(default_factory=list, max_length=32)


class RelationshipBody(_Statement):
    """Two entities that are, or no longer are, in a relation."""

    subject: NamedEntityBody
    relation: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["uses"])
    object: NamedEntityBody
    confidence: Share = 1.0
    ended: bool = False
    conversation_id: str | None = Field(default=None, min_length=1, max_length=512)
    message_id: str | None = Field(default=None, min_length=1, max_length=512)


class _Answer(BaseModel):
    source: Literal["neo4j", "snapshot"]
    degraded: bool = Field(description="Neo4j is away: the answer is as of the time of the last snapshot")
    as_of: datetime | None
    notes: list[str] = Field(description="Why not from Neo4j, or not by meaning")
    seconds: float


RelatedEntities = flat("RelatedEntities", RelatedTo, _Answer)
Entity = flat("Entity", EntityDetails, _Answer)
ShortestPath = flat("ShortestPath", Path, _Answer)
Picture = flat("Picture", Subgraph, _Answer)


class FoundEntities(_Answer):
    """Entities that fit a query, best first."""

    found: list[Found]


class Communities(_Answer):
    """The largest clusters of the graph, as the last refresh found them."""

    communities: list[Community]
