"""/v1/knowledge/evidence: the messages behind what the graph knows, with what was said around them."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from helix_pipeline.api import context, knowledge
from helix_pipeline.api.problems import problems
from helix_pipeline.services.context.evidence import MAX_MESSAGES, EvidenceRequest, EvidenceResult, evidence
from helix_pipeline.services.context.search import MAX_NEIGHBOURS
from helix_pipeline.services.knowledge.evidence import names

router = APIRouter(
    prefix=knowledge.PREFIX,
    tags=["Knowledge"],
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)


class EvidenceQuery(BaseModel):
    """Which messages of a conversation: one, or those that name entities."""

    model_config = ConfigDict(extra="forbid")

    conversation_id: str
    message_id: str | None = Field(default=None, description="This message")
    entity: list[str] = Field(default_factory=list, description="Else those that name these: ids, names or aliases")
    limit: int = Field(default=3, ge=1, le=MAX_MESSAGES)
    neighbours: int = Field(default=1, ge=0, le=MAX_NEIGHBOURS, description="Messages before and after each")


@router.get("/evidence", response_class=Response, responses={int(HTTPStatus.OK): {"model": EvidenceResult}})
def messages(query: Annotated[EvidenceQuery, Query()], stores: context.Stores, graph: knowledge.Stores) -> Response:
    """Return a message, or the messages of its conversation that name most of the entities, with those beside it."""
    wanted = EvidenceRequest(
        conversation_id=query.conversation_id,
        message_id=query.message_id,
        entities=() if query.message_id else names(graph, query.entity),
        limit=query.limit,
        neighbours=query.neighbours,
    )
    return Response(msgspec.json.encode(evidence(stores, wanted)), media_type="application/json")
