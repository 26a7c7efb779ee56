"""/v1/context: replay conversations whole or compressed, search them, say what they are like, add messages.

Answers are encoded by msgspec from what the services give: a page of 10,000 messages or a large context would take
longer to be copied into models than to be made.
"""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from helix_pipeline.api.context_models import (
    MESSAGES_EXAMPLES,
    REPLAY_EXAMPLES,
    SEARCH_EXAMPLES,
    AddedMessages,
    CompressedReplay,
    MessagesBody,
    ReplayBody,
    ReplayPage,
    SearchBody,
)
from helix_pipeline.api.problems import problems, status_of
from helix_pipeline.services.analytics.recorder import Recorder, compression_row
from helix_pipeline.services.analytics.stores import AnalyticsStores
from helix_pipeline.services.context.messages import add_messages
from helix_pipeline.services.context.ndjson import encoded
from helix_pipeline.services.context.replay import MessageStream, Replay, replay, stream
from helix_pipeline.services.context.requests import ReplayRequest
from helix_pipeline.services.context.search import SearchRequest, SearchResult, search
from helix_pipeline.services.context.stats import ConversationStats, stats
from helix_pipeline.services.context.stores import ContextStores

PREFIX = "/v1/context"
NDJSON = "application/x-ndjson"
_JSON = "application/json"

router = APIRouter(
    prefix=PREFIX,
    tags=["Context"],
    responses=problems(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)


def context_stores(request: Request) -> ContextStores:
    """Return the application's stores."""
    found: ContextStores = request.app.state.context
    return found


def recorder_of(request: Request) -> Recorder:
    """Return what records figures of the application."""
    found: AnalyticsStores = request.app.state.analytics
    return found.recorder


Stores = Annotated[ContextStores, Depends(context_stores)]
Recording = Annotated[Recorder, Depends(recorder_of)]


@router.post(
    "/replay",
    response_class=Response,
    responses={
        int(HTTPStatus.OK): {
            "model": CompressedReplay | ReplayPage,
            "content": {NDJSON: {"schema": {"type": "string", "description": "A message a line"}}},
        }
    },
)
def replay_conversation(
    body: Annotated[ReplayBody, Body(openapi_examples=REPLAY_EXAMPLES)],
    stores: Stores,
    recorder: Recording,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Return a conversation: compressed to a budget; or, with strategy `none`, a page of its messages.

    With `none` and `Accept: application/x-ndjson`, all messages are streamed, one a line; the headers `Helix-Source`,
    `Helix-Complete` and `Helix-Notes` say where from.
    """
    request = ReplayRequest(**body.model_dump())
    if NDJSON in accept:
        return _streamed(stream(stores, request))
    found = replay(stores, request)
    if found.context is not None:
        row = compression_row(found.conversation_id, found.cached, found.seconds, found.context.stats)
        recorder.record("compression_stats", row)
    return Response(_answer(found), media_type=_JSON)


@router.post("/search", response_class=Response, responses={int(HTTPStatus.OK): {"model": SearchResult}})
def search_messages(body: Annotated[SearchBody, Body(openapi_examples=SEARCH_EXAMPLES)], stores: Stores) -> Response:
    """Find the messages that answer a question, best first, each with its neighbours."""
    found = search(stores, SearchRequest(**body.model_dump()))
    return Response(msgspec.json.encode(found), media_type=_JSON)


@router.get(
    "/stats/{conversation_id:path}",
    response_class=Response,
    responses={int(HTTPStatus.OK): {"model": ConversationStats}},
)
def conversation_stats(conversation_id: str, stores: Stores) -> Response:
    """Say how long a conversation is, who speaks of what, and what of it is cached."""
    return Response(msgspec.json.encode(stats(stores, conversation_id)), media_type=_JSON)


@router.post(
    "/messages",
    status_code=HTTPStatus.CREATED,
    response_model=AddedMessages,
    responses={
        int(HTTPStatus.ACCEPTED): {"model": AddedMessages, "description": "In the journal until Kafka has them"}
    },
)
def add(
    body: Annotated[MessagesBody, Body(openapi_examples=MESSAGES_EXAMPLES)], response: Response, stores: Stores
) -> Any:
    """Add messages. When this answers they are in Kafka (201) or on this disk (202), and in the next replay."""
    added = add_messages(stores, body.conversation_id, [one.model_dump(exclude_none=True) for one in body.messages])
    response.status_code = status_of(added.stored)
    return added


def _streamed(found: MessageStream) -> Response:
    headers = {"Helix-Source": found.source, "Helix-Complete": str(found.complete).lower()}
    if found.notes:
        headers["Helix-Notes"] = " ".join("; ".join(found.notes).split()).encode("ascii", "replace").decode()
    return StreamingResponse(found.ndjson(), media_type=NDJSON, headers=headers)


def _answer(found: Replay) -> bytes:
    if found.context is not None:
        return msgspec.json.encode(found.about() | found.context.answer())
    assert found.page is not None
    lines = b"".join(encoded([found.page.messages])).rstrip(b"\n").replace(b"\n", b",")
    messages = msgspec.Raw(b"[%b]" % lines)
    return msgspec.json.encode({**found.about(), "messages": messages, "next_cursor": found.page.next_cursor})
