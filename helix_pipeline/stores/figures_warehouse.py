"""Analytics from ClickHouse: the rollups by minute and hour, and single debates from their events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from helix_pipeline.domain.analytics.figures import (
    Calls,
    Compressions,
    ConversationDay,
    Debate,
    EntityDay,
    EntityRise,
    Figures,
    Outcomes,
    Quantiles,
    Sample,
    Side,
    Turns,
    Usage,
    Winner,
    Winners,
)
from helix_pipeline.domain.analytics.window import Bucket, Window
from helix_pipeline.stores import figures_sql as sql

Row = Sequence[Any]


class WarehouseFigures:
    """The reader of one client. A statement that takes longer than `limit_s` seconds is ended by the server."""

    knows_entities = True

    def __init__(self, client: Client, limit_s: float) -> None:
        self._client = client
        self._limit_s = limit_s

    def providers(self, within: Window) -> list[Figures]:
        """Return the sums of each provider."""
        return _figures(self._rows("providers", sql.PROVIDERS[within.long], _times(within)))

    def models(self, within: Window, provider: str) -> tuple[Figures, list[Figures]]:
        """Return the sums of a provider, and those of each of its models."""
        rows = self._rows("models", sql.MODELS[within.long], _times(within) | {"provider": provider})
        whole = _figures([(kind, provider, *sums) for kind, name, *sums in rows if not name])
        return whole[0] if whole else Figures(provider), _figures([row for row in rows if row[1]])

    def errors(self, within: Window, provider: str) -> dict[str, int]:
        """Return how often calls failed, by the type of the error."""
        ((found,),) = self._rows("errors", sql.ERRORS[within.long], _times(within) | {"provider": provider})
        return dict(sorted(found.items()))

    def series(self, within: Window, bucket: Bucket, provider: str = "") -> list[Sample]:
        """Return the calls by bucket and provider."""
        by_day = within.long and bucket == "day"
        statement = sql.series(bucket, bool(provider), by_day)
        values = _times(within, by_day) | ({"provider": provider} if provider else {})
        return [Sample(_utc(at), *rest) for at, *rest in self._rows("series", statement, values)]

    def conversations(self, within: Window) -> list[ConversationDay]:
        """Return the days on which something was said."""
        return [ConversationDay(*row) for row in self._rows("conversations", sql.CONVERSATIONS, _times(within))]

    def winners(self, within: Window, limit: int) -> Winners:
        """Return the models that won most."""
        found = self._rows("winners", sql.WINNERS, _times(within) | {"limit": limit})
        ended, decided = found[0][4:] if found else (0, 0)
        return Winners(tuple(Winner(*row[:4]) for row in found), ended, decided)

    def debate(self, debate_id: str) -> Debate | None:
        """Return one debate from its events."""
        values = {"debate_id": debate_id}
        ((topic, begin, ended, ends, last, rounds, winner, consensus, events),) = self._rows(
            "debate", sql.DEBATE, values
        )
        if not events:
            return None
        sides = self._rows("debate", sql.SIDES, values)
        return Debate(
            debate_id=debate_id,
            topic=topic,
            started_at=_utc(begin),
            ended_at=_utc(ended) if ends else None,
            last_event_at=_utc(last),
            rounds=rounds,
            winner=winner,
            consensus_reached=consensus,
            sides=tuple(_side(*row) for row in sides),
            verdicts={row[0]: row[1] for row in self._rows("debate", sql.VERDICTS, values)},
        )

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
        ((requests, failures, duration_ms, quantiles),) = self._rows("usage", sql.USAGE, _times(within))
        return Usage(requests, failures, duration_ms, _quantiles(quantiles))

    def _rows(self, name: str, statement: str, values: Mapping[str, Any]) -> Sequence[Row]:
        settings = {"log_comment": f"helix:{name}", "max_execution_time": self._limit_s}
        found: Sequence[Row] = self._client.query(statement, parameters=dict(values), settings=settings).result_rows
        return found


def _figures(rows: Iterable[Row]) -> list[Figures]:
    """Return the figures of rows of (kind, name, sums, quantiles), by name."""
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for kind, name, sums, quantiles in rows:
        parts[name][kind] = _KINDS[kind](sums, _quantiles(quantiles))
    return [Figures(name, **found) for name, found in sorted(parts.items())]


def _calls(sums: Sequence[float], latency: Quantiles) -> Calls:
    requests, failures, latency_ms, prompt, completion, cost = sums
    return Calls(int(requests), int(failures), latency_ms, latency, int(prompt), int(completion), cost)


def _turns(sums: Sequence[float], response_time: Quantiles) -> Turns:
    turns, timed, response_time_ms, rated, confidence = sums
    return Turns(int(turns), int(timed), response_time_ms, response_time, int(rated), confidence)


def _outcomes(sums: Sequence[float], _: Quantiles) -> Outcomes:
    return Outcomes(*map(int, sums))


_KINDS = {"calls": _calls, "turns": _turns, "outcomes": _outcomes}


def _side(participant: str, about: tuple[str | None, str, str], *sums: Any) -> Side:
    position, provider, model = about
    return Side(participant, position, provider, model, Turns(*_summed(sums)))


def _times(within: Window, by_day: bool | None = None) -> dict[str, str]:
    whole = within.whole_from(within.long if by_day is None else by_day)
    return {"since": _text(within.since), "whole": _text(whole), "until": _text(within.until)}


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _summed(row: Row) -> list[Any]:
    """Return the sums of a row with its list of quantiles as a tuple."""
    return [_quantiles(value) if isinstance(value, (list, tuple)) else value for value in row]


def _quantiles(values: Sequence[float]) -> Quantiles:
    """Return three quantiles; of nothing they are 0, where ClickHouse gives NaN."""
    first, second, third = (value if value == value else 0.0 for value in values)  # noqa: PLR0124 - NaN
    return first, second, third
