"""/v1/knowledge: what is related, found, known, between and together in the graph; statements that it takes.

Every answer says whether it comes from Neo4j or, where that is away, from the last snapshot, and then of which time.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Request, Response

from helix_pipeline.api.knowledge_models import (
    ENTITY_EXAMPLES,
    RELATIONSHIP_EXAMPLES,
    SEARCH_EXAMPLES,
    AroundQuery,
    Communities,
    CommunitiesQuery,
    Entity,
    EntityBody,
    EntitySearchBody,
    FoundEntities,
    NamedEntityBody,
    PathQuery,
    Picture,
    RelatedEntities,
    RelatedQuery,
    RelationshipBody,
    ShortestPath,
    SubgraphQuery,
)
from helix_pipeline.api.problems import problems, status_of
from helix_pipeline.services.knowledge import questions, statements
from helix_pipeline.services.knowledge.statements import StatedEntity, StatedRelationship
from helix_pipeline.services.knowledge.stores import Answered, KnowledgeStores

PREFIX = "/v1/knowledge"
_JSON = "application/json"

router = APIRouter(
    prefix=PREFIX,
    tags=["Knowledge"],
    responses=problems(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)


def knowledge_stores(request: Request) -> KnowledgeStores:
    """Return the application's stores."""
    found: KnowledgeStores = request.app.state.knowledge
    return found


Stores = Annotated[KnowledgeStores, Depends(knowledge_stores)]


def _ok(model: type) -> dict[int | str, dict[str, Any]]:
    return {int(HTTPStatus.OK): {"model": model}}


def _kept(model: type) -> dict[int | str, dict[str, Any]]:
    return {int(HTTPStatus.ACCEPTED): {"model": model, "description": "In the journal until Kafka has it"}}


@router.get("/related", response_class=Response, responses=_ok(RelatedEntities))
def related(query: Annotated[RelatedQuery, Query()], stores: Stores) -> Response:
    """Return what is related to an entity, strongest first, with the evidence."""
    return _related(stores, query.entity, query)


@router.get("/related/{id:path}", response_class=Response, responses=_ok(RelatedEntities))
def related_by_id(id: str, query: Annotated[AroundQuery, Query()], stores: Stores) -> Response:
    """Return what is related to the entity of an id."""
    return _related(stores, id, query)


@router.post("/search", response_class=Response, responses=_ok(FoundEntities))
def search(body: Annotated[EntitySearchBody, Body(openapi_examples=SEARCH_EXAMPLES)], stores: Stores) -> Response:
    """Find entities by parts of their names, with typing errors, and by meaning where embeddings are on."""
    return _answer(lambda: questions.search(stores, body.query, types=body.types, limit=body.limit), "found")


@router.get("/path", response_class=Response, responses=_ok(ShortestPath))
def path(query: Annotated[PathQuery, Query()], stores: Stores) -> Response:
    """Return the shortest way between two entities, of the shortest ones the strongest."""
    ends = query.source, query.target
    return _answer(lambda: questions.path(stores, *ends, longest=query.longest, at=query.at))


@router.get("/entities/{id:path}", response_class=Response, responses=_ok(Entity))
def entity(id: str, stores: Stores) -> Response:
    """Return all that is known of an entity: other names with their reasons, statements in time, conversations."""
    return _answer(lambda: questions.details(stores, id))


@router.get("/communities", response_class=Response, responses=_ok(Communities))
def communities(query: Annotated[CommunitiesQuery, Query()], stores: Stores) -> Response:
    """Return the largest clusters of the graph, with their most mentioned entities."""
    return _answer(lambda: questions.communities(stores, query.limit), "communities")


@router.get("/subgraph", response_class=Response, responses=_ok(Picture))
def subgraph(query: Annotated[SubgraphQuery, Query()], stores: Stores) -> Response:
    """Return entities, those around them and all their relations, for a picture."""
    about = {"depth": query.depth, "limit": query.limit}
    return _answer(lambda: questions.subgraph(stores, query.entity, **about, at=query.at))


@router.post("/entities", status_code=HTTPStatus.CREATED, responses=_kept(StatedEntity))
def state_entity(
    body: Annotated[EntityBody, Body(openapi_examples=ENTITY_EXAMPLES)], response: Response, stores: Stores
) -> StatedEntity:
    """State that an entity is there. Kafka (201) or the journal (202) has it; the stream carries it into the graph."""
    named = statements.NamedEntity(body.name, body.type, body.subtype)
    said = statements.Statement(**body.model_dump(include=_STATEMENT))
    stated = statements.state_entity(stores, named, body.aliases, said)
    response.status_code = status_of(stated.stored)
    return stated


@router.post("/relationships", status_code=HTTPStatus.CREATED, responses=_kept(StatedRelationship))
def state_relationship(
    body: Annotated[RelationshipBody, Body(openapi_examples=RELATIONSHIP_EXAMPLES)], response: Response, stores: Stores
) -> StatedRelationship:
    """State that two entities are in a relation, or no longer are. Kafka (201) or the journal (202) has it."""
    said = statements.RelationshipStatement(**body.model_dump(include=_STATEMENT | _RELATIONSHIP))
    ends = _named(body.subject), body.relation, _named(body.object)
    stated = statements.state_relationship(stores, *ends, said)
    response.status_code = status_of(stated.stored)
    return stated


_STATEMENT = {"event_id", "timestamp", "source", "metadata"}
_RELATIONSHIP = {"confidence", "ended", "conversation_id", "message_id"}


def _related(stores: KnowledgeStores, entity: str, query: AroundQuery) -> Response:
    bounds, types = {"depth": query.depth, "limit": query.limit}, query.types.split(",")
    return _answer(lambda: questions.related(stores, entity, **bounds, types=types, at=query.at))


def _named(body: NamedEntityBody) -> statements.NamedEntity:
    return statements.NamedEntity(body.name, body.type, body.subtype)


def _answer(ask: Callable[[], Answered[Any]], name: str = "") -> Response:
    """Encode an answer: its fields, or the whole under a name, beside where it comes from."""
    begin = time.perf_counter()
    found = ask().flat(name)
    return Response(msgspec.json.encode(found | {"seconds": round(time.perf_counter() - begin, 4)}), media_type=_JSON)
