"""Free queries in the warehouse: runs one that was checked, within limits that the server keeps.

`readonly=1` and the limits travel with each request, over POST. A server checks them together against what its user may
do and applies them together, so that both the embedded engine and a real server take them; nothing can change them
after that. `readonly=2` would let table functions reach files and the network. The user must be an ordinary one, such
as the one that inserts: a profile that is read-only already refuses every setting of a request.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from helix_pipeline.domain.analytics.readonly import CheckedQuery
from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.warehouse import Warehouse
from helix_pipeline.stores.warehouse_calls import log_comment

GRACE_S = 5.0
"""Seconds for which the client waits longer than the server may take."""

MAX_RESULT_BYTES = 32 << 20
"""Bytes of a result in the server's memory."""

_MAX_JOIN_ROWS = 50_000_000
_BYTES_PER_ROW = 200
_OVER_LIMIT = frozenset({158, 159, 160, 161, 162, 167, 168, 191, 241, 307, 394, 396})
_AWAY = frozenset({202, 209, 210, 516})
_AROUND = re.compile(r"^.*?DB::Exception: (?:Code: \d+\. DB::Exception: )?|\s*\(version [^)]*\)+|\s*\(for url .*$")


class WrongQueryError(UsageError):
    """The server does not understand a query: an unknown column, a wrong argument; says what it says."""


class QueryLimitError(StoreError):
    """A query was stopped because it needs more time, rows or memory than is allowed; says which."""


@dataclass(frozen=True)
class QueryLimits:
    """What a free query may use: seconds, rows read, bytes of memory, threads."""

    seconds: float
    rows_read: int
    memory_bytes: int
    threads: int


@dataclass(frozen=True)
class Found:
    """The rows of a free query and what they cost; `truncated` tells whether there were more.

    Values are those of JSON: times as ISO 8601 in UTC, decimals as text, NaN and infinities as null.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool
    rows_read: int
    bytes_read: int
    seconds: float


def limits(settings: Settings) -> QueryLimits:
    """Return the limits that the settings give."""
    house = settings.clickhouse
    return QueryLimits(house.query_timeout_s, house.query_rows_read, house.query_memory_mb << 20, house.query_threads)


def patient(warehouse: Warehouse, allowed: QueryLimits) -> Warehouse:
    """Return the warehouse with a time-out that lets the server's own limit come first."""
    return replace(warehouse, timeout_s=allowed.seconds + GRACE_S)


def ask(client: Client, query: CheckedQuery, values: Mapping[str, Any], allowed: QueryLimits) -> Found:
    """Run a checked query with the values of its parameters.

    Raises WrongQueryError where the server does not understand it, QueryLimitError where it needs more than is allowed,
    StoreError where the server does not answer.
    """
    try:
        found = client.raw_query(query.sql, dict(values), settings=_settings(query, allowed), fmt="JSONCompact")
    except ClickHouseError as error:
        raise _said(error) from None
    answer = json.loads(found)
    columns, spent = answer["meta"], answer["statistics"]
    return Found(
        columns=tuple(one["name"] for one in columns),
        types=tuple(one["type"] for one in columns),
        rows=answer["data"][: query.limit],
        truncated=len(answer["data"]) > query.limit,
        rows_read=spent["rows_read"],
        bytes_read=spent["bytes_read"],
        seconds=round(spent["elapsed"], 4),
    )


def _settings(query: CheckedQuery, allowed: QueryLimits) -> dict[str, Any]:
    """Return the settings of the request; a limit that stops work raises an error, none gives half a result."""
    return {
        "max_execution_time": allowed.seconds,
        "timeout_before_checking_execution_speed": 0,
        "timeout_overflow_mode": "throw",
        "max_threads": allowed.threads,
        "max_memory_usage": allowed.memory_bytes,
        "max_rows_to_read": allowed.rows_read,
        "max_bytes_to_read": allowed.rows_read * _BYTES_PER_ROW,
        "read_overflow_mode": "throw",
        "max_result_rows": query.limit + 1,
        "max_result_bytes": MAX_RESULT_BYTES,
        "result_overflow_mode": "throw",
        "max_rows_in_join": _MAX_JOIN_ROWS,
        "max_bytes_in_join": allowed.memory_bytes // 2,
        "join_overflow_mode": "throw",
        "max_rows_in_set": _MAX_JOIN_ROWS,
        "max_bytes_in_set": allowed.memory_bytes // 2,
        "set_overflow_mode": "throw",
        "max_subquery_depth": 20,
        **dict.fromkeys(_ON_DISK, 0),
        "allow_ddl": 0,
        "allow_introspection_functions": 0,
        "cancel_http_readonly_queries_on_client_close": 1,
        "log_comment": log_comment("analytics-query"),
        "session_timezone": "UTC",
        "date_time_output_format": "iso",
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_decimals": 1,
        "output_format_json_quote_denormals": 0,
        "readonly": 1,
    }


_ON_DISK = (
    "max_bytes_before_external_group_by",
    "max_bytes_ratio_before_external_group_by",
    "max_bytes_before_external_sort",
    "max_bytes_ratio_before_external_sort",
)


def _said(error: ClickHouseError) -> StoreError | UsageError:
    code = error.code if isinstance(error, Error) else None
    said = _AROUND.sub("", " ".join(str(error).split())).strip()[:300]
    if code in _OVER_LIMIT:
        return QueryLimitError(f"the query needs more than is allowed: {said}; ask for less, or see clickhouse.query_*")
    if code is None or code in _AWAY:
        return StoreError(f"ClickHouse does not answer: {said}")
    return WrongQueryError(f"ClickHouse refuses the query: {said}")
