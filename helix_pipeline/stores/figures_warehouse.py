"""Analytics from ClickHouse: the rollups by minute and hour, and single debates from their events."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from datetime import datetime
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from helix_pipeline.domain.analytics.figures import (
    Compressions,
    ConversationDay,
    Debate,
    EntityDay,
    EntityRise,
    Figures,
    ProviderSums,
    Sample,
    Usage,
    Winner,
    Winners,
    WinsPoint,
)
from helix_pipeline.domain.analytics.window import Bucket, WholeHours, Window
from helix_pipeline.stores import figures_sql as sql
from helix_pipeline.stores.figures_rows import Row, debate_of, figures_of, quantiles, utc
from helix_pipeline.stores.warehouse_calls import log_comment

_A = TypeVar("_A")
_B = TypeVar("_B")


class WarehouseFigures:
    """The reader of one client. A statement that takes longer than `limit_s` seconds is ended by the server.

    The statements of one question are asked side by side on `pool`: planning one takes longer than reading its rows,
    and the server plans it on one core.
    """

    knows_entities = True

    def __init__(self, client: Client, limit_s: float, pool: Executor) -> None:
        self._client = client
        self._limit_s = limit_s
        self._pool = pool

    def both(self, first: Callable[[], _A], second: Callable[[], _B]) -> tuple[_A, _B]:
        """Return what two questions return, asked at the same time."""
        later = self._pool.submit(copy_context().run, second)
        return first(), later.result()

    def providers(self, within: Window) -> list[Figures]:
        """Return the sums of each provider."""
        return figures_of(self._each("providers", sql.PROVIDERS[within.long], _times(within)))

    def provider(self, within: Window, name: str) -> ProviderSums:
        """Return the sums of a provider, of each of its models, and its errors."""
        rows = self._each("provider", sql.MODELS[within.long], _times(within) | {"provider": name})
        whole = [(kind, name, *sums) for kind, model, *sums in rows if not model]
        errors: dict[str, int] = next((sums[-1] for kind, _, *sums in whole if kind == "calls"), {})
        figures = figures_of(whole) or [Figures(name)]
        return ProviderSums(figures[0], figures_of([row for row in rows if row[1]]), dict(sorted(errors.items())))

    def series(self, within: Window, bucket: Bucket, provider: str = "") -> list[Sample]:
        """Return the calls by bucket and provider."""
        by_day = within.long and bucket == "day"
        statement = sql.series(bucket, bool(provider), by_day)
        values = _times(within, by_day) | ({"provider": provider} if provider else {})
        return [Sample(utc(at), *rest) for at, *rest in self._rows("series", statement, values)]

    def conversations(self, within: Window) -> list[ConversationDay]:
        """Return the days on which something was said."""
        return [ConversationDay(*row) for row in self._rows("conversations", sql.CONVERSATIONS, _times(within))]

    def winners(self, within: Window, limit: int) -> Winners:
        """Return the models that won most."""
        found = self._rows("winners", sql.WINNERS[within.long], _times(within) | {"limit": limit})
        ended, decided = found[0][4:] if found else (0, 0)
        return Winners(tuple(Winner(*row[:4]) for row in found), ended, decided)

    def wins(self, within: Window, bucket: WholeHours, limit: int) -> list[WinsPoint]:
        """Return the debates of the models that won most, by bucket and model."""
        found = self._rows("winners", sql.wins(bucket, within.long), _times(within) | {"limit": limit})
        return [WinsPoint(utc(at), *rest) for at, *rest in found]

    def debate(self, debate_id: str) -> Debate | None:
        """Return one debate from its events."""
        return debate_of(debate_id, self._rows("debate", sql.DEBATE, {"debate_id": debate_id}))

    def entity_days(self, within: Window) -> list[EntityDay]:
        """Return the days on which messages named entities."""
        return [EntityDay(*row) for row in self._rows("entities", sql.ENTITY_DAYS, _times(within))]

    def entity_rises(self, within: Window, limit: int) -> list[EntityRise]:
        """Return the entities with most mentions, and what they had in the time before."""
        before = within.since - (within.until - within.since)
        values = _times(within) | {"before": _text(before), "limit": limit}
        return [EntityRise(*row) for row in self._rows("entities", sql.ENTITY_RISES, values)]

    def compressions(self, within: Window) -> list[Compressions]:
        """Return what was compressed, by strategy."""
        return [Compressions(*row) for row in self._rows("compressions", sql.COMPRESSIONS, _times(within))]

    def usage(self, within: Window) -> Usage:
        """Return the requests of the API."""
        ((requests, failures, duration_ms, duration),) = self._rows("usage", sql.USAGE, _times(within))
        return Usage(requests, failures, duration_ms, quantiles(duration))

    def _each(self, name: str, statements: Sequence[str], values: Mapping[str, Any]) -> list[Row]:
        """Return the rows of all statements, which are asked at the same time."""
        first, *others = statements
        later = [self._pool.submit(copy_context().run, self._rows, name, other, values) for other in others]
        return [*self._rows(name, first, values), *(row for one in later for row in one.result())]

    def _rows(self, name: str, statement: str, values: Mapping[str, Any]) -> Sequence[Row]:
        settings = {"log_comment": log_comment(name), "max_execution_time": self._limit_s}
        found: Sequence[Row] = self._client.query(statement, parameters=dict(values), settings=settings).result_rows
        return found


def _times(within: Window, by_day: bool | None = None) -> dict[str, str]:
    whole = within.whole_from(within.long if by_day is None else by_day)
    return {"since": _text(within.since), "whole": _text(whole), "until": _text(within.until)}


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
