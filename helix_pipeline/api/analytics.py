"""/v1/analytics: providers, conversations, debates, entities, compression and the system, in windows that end now.

Times are UTC. Every answer says whether it comes from ClickHouse or, where that is away, from the lake.
"""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from helix_pipeline.api.analytics_models import (
    CompressionStats,
    ConversationTrends,
    DaysQuery,
    DebateDetails,
    DebateWinners,
    EntityTrends,
    EntityTrendsQuery,
    LongWindowQuery,
    Provider,
    Providers,
    System,
    WindowQuery,
    WinnersQuery,
)
from helix_pipeline.api.problems import problems
from helix_pipeline.services.analytics import debates, operation, reports
from helix_pipeline.services.analytics.stores import AnalyticsStores, Answered
from helix_pipeline.services.analytics.told import told

router = APIRouter(
    prefix="/v1/analytics",
    tags=["Analytics"],
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)


def analytics_stores(request: Request) -> AnalyticsStores:
    """Return the application's stores."""
    found: AnalyticsStores = request.app.state.analytics
    return found


Stores = Annotated[AnalyticsStores, Depends(analytics_stores)]


def _ok(model: type) -> dict[int | str, dict[str, Any]]:
    return {int(HTTPStatus.OK): {"model": model}}


@router.get("/providers", response_class=Response, responses=_ok(Providers))
def providers(query: Annotated[WindowQuery, Query()], stores: Stores) -> Response:
    """Return requests, response times, confidence and win rates of all providers."""
    return _answer(reports.providers(stores, query.window, query.bucket))


@router.get("/provider/{name:path}", response_class=Response, responses=_ok(Provider))
def provider(name: str, query: Annotated[WindowQuery, Query()], stores: Stores) -> Response:
    """Return one provider with its models and its errors; one that nothing is known of has zeros."""
    found = reports.provider(stores, name, query.window, query.bucket)
    return _answer(found, provider=name)


@router.get("/conversations/trends", response_class=Response, responses=_ok(ConversationTrends))
def conversation_trends(query: Annotated[DaysQuery, Query()], stores: Stores) -> Response:
    """Return conversations by the day on which something was said in them."""
    return _answer(reports.conversations(stores, query.days), "daily_stats")


@router.get("/debates/winners", response_class=Response, responses=_ok(DebateWinners))
def debate_winners(query: Annotated[WinnersQuery, Query()], stores: Stores) -> Response:
    """Return the models that won most of the debates that ended in a window, and when they did."""
    return _answer(debates.winners(stores, query.limit, query.window, query.bucket))


@router.get(
    "/debate/{debate_id:path}",
    response_class=Response,
    responses=_ok(DebateDetails),
)
def debate(debate_id: str, stores: Stores) -> Response:
    """Return one debate: its participants, how fast and how sure they were, who won."""
    return _answer(debates.debate(stores, debate_id))


@router.get("/entities/trends", response_class=Response, responses=_ok(EntityTrends))
def entity_trends(query: Annotated[EntityTrendsQuery, Query()], stores: Stores) -> Response:
    """Return what messages named, by day, and which entities rise."""
    return _answer(reports.entities(stores, query.days, query.limit))


@router.get("/compression/stats", response_class=Response, responses=_ok(CompressionStats))
def compression_stats(query: Annotated[LongWindowQuery, Query()], stores: Stores) -> Response:
    """Return how many conversations were compressed, how far and how well."""
    return _answer(operation.compressions(stores, query.window))


@router.get("/system", response_class=Response, responses=_ok(System))
def system(stores: Stores) -> Response:
    """Return processor, memory and the rate of requests."""
    return _answer(operation.system(stores))


def _answer(found: Answered[Any], name: str = "", **more: Any) -> Response:
    return Response(msgspec.json.encode(more | told(found, name)), media_type="application/json")
