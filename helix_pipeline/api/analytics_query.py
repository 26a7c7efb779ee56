"""/v1/analytics/query: one SELECT of the caller's own over the warehouse, read-only, within limits."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from helix_pipeline.api.analytics import Stores
from helix_pipeline.api.problems import problems
from helix_pipeline.domain.analytics.functions import listed
from helix_pipeline.domain.analytics.readonly import DEFAULT_LIMIT, MAX_LIMIT
from helix_pipeline.domain.analytics.size import MAX_TEXT
from helix_pipeline.services.analytics.query import TABLES, query

PREFIX = "/v1/analytics/query"
MAX_PARAMETERS = 50

EXAMPLES: dict[str, Any] = {
    "latency by hour": {
        "value": {
            "sql": "SELECT toStartOfHour(timestamp) AS hour, provider, count() AS calls,"
            " quantile(0.95)(latency_ms) AS p95_ms FROM provider_metrics"
            " WHERE timestamp >= now() - INTERVAL 24 HOUR GROUP BY hour, provider ORDER BY hour DESC, p95_ms"
        }
    },
    "with parameters": {
        "value": {
            "sql": "SELECT model, count() AS calls FROM provider_metrics"
            " WHERE provider IN {providers:Array(String)} AND latency_ms > {above:Float64} GROUP BY model",
            "params": {"providers": ["anthropic", "openai"], "above": 500},
            "limit": 100,
        }
    },
}

Scalar = str | int | float | bool | None
Parameter = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]

_PROBLEMS = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
router = APIRouter(prefix=PREFIX, tags=["Analytics"])


class QueryBody(BaseModel):
    """A query and the values of its `{name:Type}` parameters."""

    model_config = ConfigDict(extra="forbid")

    sql: str = Field(min_length=1, max_length=MAX_TEXT, description="One SELECT in ClickHouse's SQL")
    params: dict[Parameter, Scalar | list[Scalar]] = Field(default_factory=dict, max_length=MAX_PARAMETERS)
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows of the answer, at most")


class QueryStatistics(BaseModel):
    """What a query cost."""

    rows_read: int
    bytes_read: int
    seconds: float


class QueryAnswer(BaseModel):
    """Rows as arrays, in the order of the columns. Times are ISO 8601 in UTC, decimals text, NaN and infinity null."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    truncated: bool = Field(description="There are more rows than the limit")
    statistics: QueryStatistics
    sql: str = Field(description="The query that was sent: checked, with names quoted and a LIMIT")


class QueryFunctions(BaseModel):
    """What a query may name."""

    tables: list[str]
    functions: dict[str, list[str]] = Field(description="By group; aggregate functions also with -If, -Merge and so on")


@router.post(
    "",
    response_class=JSONResponse,
    responses={int(HTTPStatus.OK): {"model": QueryAnswer}, **_PROBLEMS},
)
def run_query(body: Annotated[QueryBody, Body(openapi_examples=EXAMPLES)], stores: Stores) -> JSONResponse:
    """Run one SELECT over the warehouse. Tables and functions are from lists; time, rows and memory are bounded."""
    answered = query(stores, body.sql, body.params, body.limit)
    found = answered.found
    spent = {"rows_read": found.rows_read, "bytes_read": found.bytes_read, "seconds": found.seconds}
    rows = {"columns": found.columns, "types": found.types, "rows": found.rows, "truncated": found.truncated}
    return JSONResponse(rows | {"statistics": spent, "sql": answered.sql})


@router.get("/functions")
def functions() -> QueryFunctions:
    """Return the tables and functions that a query may name."""
    groups: dict[str, list[str]] = {}
    for name, group in listed().items():
        groups.setdefault(group, []).append(name)
    return QueryFunctions(tables=sorted(TABLES), functions=groups)
