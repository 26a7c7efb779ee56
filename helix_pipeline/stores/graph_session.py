"""Reading the graph: one query a call, each with a time-out, and errors that say whether Neo4j is away."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, LiteralString

from neo4j import READ_ACCESS, Driver, GraphDatabase, NotificationMinimumSeverity, Query, Record
from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError, TransientError

from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.telemetry import NEO4J_QUERIES, NEO4J_SECONDS, result
from helix_pipeline.tracing import span

CONNECTIONS = 16
CONNECT_S = 1.0
"""Seconds for a connection, and for a free one of the pool."""

Ask = Callable[..., list[Record]]
"""Runs a constant query with parameters by name and returns its records. Raises StoreError."""


class GraphAwayError(StoreError):
    """Neo4j cannot be reached, or answers nobody."""


def connect(settings: Settings) -> Driver:
    """Open a driver for reading; nothing is sent before the first query."""
    neo4j = settings.neo4j
    return GraphDatabase.driver(
        neo4j.address,
        auth=(neo4j.username, neo4j.password.get_secret_value()),
        connection_timeout=CONNECT_S,
        connection_acquisition_timeout=CONNECT_S,
        max_connection_pool_size=CONNECTIONS,
        notifications_min_severity=NotificationMinimumSeverity.OFF,
    )


def asker(driver: Driver, database: str, timeout_s: float) -> Ask:
    """Return a function that reads: without retries, and ended by the server after the time-out."""

    def ask(statement: LiteralString, /, **parameters: Any) -> list[Record]:
        begin, answered = time.monotonic(), False
        try:
            with (
                span("neo4j read", db_system_name="neo4j"),
                driver.session(database=database, default_access_mode=READ_ACCESS) as session,
            ):
                found = list(session.run(Query(statement, timeout=timeout_s), parameters))
                answered = True
                return found
        except (Neo4jError, DriverError) as error:
            raise _failed(error, timeout_s) from None
        finally:
            NEO4J_QUERIES.labels("read", result(answered)).inc()
            NEO4J_SECONDS.labels("read").observe(time.monotonic() - begin)

    return ask


def moment(milliseconds: int | None) -> datetime | None:
    """Return an instant of the graph, given in milliseconds since 1970."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _failed(error: Exception, timeout_s: float) -> StoreError:
    if isinstance(error, DriverError | AuthError | TransientError):
        return GraphAwayError(f"Neo4j does not answer: {' '.join(str(error).split())[:300]}")
    if isinstance(error, ClientError) and "TransactionTimedOut" in (error.code or ""):
        return StoreError(f"Neo4j took longer than {timeout_s:g} s: ask for less, such as a smaller depth")
    return StoreError(f"Neo4j refuses a query: {' '.join(str(error).split())[:300]}")
