"""Free queries: checked, bound to their parameters, and run a few at a time so that other calls are answered too."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from helix_pipeline.domain.analytics.readonly import DEFAULT_LIMIT, bound, checked
from helix_pipeline.errors import StoreError
from helix_pipeline.services.analytics.stores import AnalyticsStores
from helix_pipeline.stores.analyst import Found, ask, limits
from helix_pipeline.stores.warehouse import FIGURES, ROLLUPS, SOURCES

TABLES = frozenset({*SOURCES, *FIGURES, *ROLLUPS})
"""What a free query may read. What the platform notes for itself (migrations, progress of streams) is not here."""

AT_ONCE = 4
"""Free queries that run at a time in this process."""

_places = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Answered:
    """What a free query found, and the SQL that was sent for it."""

    sql: str
    found: Found


def query(stores: AnalyticsStores, sql: str, values: Mapping[str, Any], limit: int = DEFAULT_LIMIT) -> Answered:
    """Run one SELECT over `TABLES` with the values of its `{name:Type}` parameters; return at most `limit` rows.

    Raises RefusedQueryError for what is not allowed, WrongQueryError for what the server does not understand,
    QueryLimitError for what needs too much, StoreError where the server is away or no place gets free in time.
    """
    allowed = limits(stores.settings)
    found = checked(sql, stores.settings.clickhouse.database, TABLES, limit)
    given = bound(found, values)
    if not _places.acquire(timeout=allowed.seconds):
        raise StoreError(f"{AT_ONCE} free queries run already and none ended within {allowed.seconds:g} s: try again")
    try:
        answer = stores.warehouse.ask(lambda connection: ask(connection, found, given, allowed))
        return Answered(found.sql, answer)
    finally:
        _places.release()
