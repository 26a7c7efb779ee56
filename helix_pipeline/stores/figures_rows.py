"""What rows of ClickHouse say, as the figures of analytics."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from helix_pipeline.domain.analytics.figures import Calls, Debate, Figures, Outcomes, Quantiles, Side, Turns

Row = Sequence[Any]


def figures_of(rows: Iterable[Row]) -> list[Figures]:
    """Return the figures by name, from rows that begin with kind, name, sums and quantiles."""
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for kind, name, sums, spread, *_ in rows:
        parts[name][kind] = _KINDS[kind](sums, quantiles(spread))
    return [Figures(name, **found) for name, found in sorted(parts.items())]


class EventsRow(NamedTuple):
    """A row of `figures_sql.DEBATE`: the events of one type, of one participant where it is about one."""

    event_type: str
    who: str
    events: int
    topic: str | None
    first: datetime
    last: datetime
    rounds: int
    end: tuple[str | None, bool | None]
    side: tuple[str | None, str, str]
    timed: int
    response_time_ms: float
    response_time: Sequence[float]
    rated: int
    confidence: float


def debate_of(debate_id: str, found: Iterable[Row]) -> Debate | None:
    """Return a debate from the rows of `figures_sql.DEBATE`; none where there are none."""
    rows = [EventsRow(*row) for row in found]
    if not rows:
        return None
    ends = [row for row in rows if row.event_type == "debate.completed"]
    winner, consensus = ends[0].end if ends else (None, None)
    return Debate(
        debate_id=debate_id,
        topic=next((row.topic for row in rows if row.topic is not None), None),
        started_at=utc(min(row.first for row in rows)),
        ended_at=utc(ends[0].first) if ends else None,
        last_event_at=utc(max(row.last for row in rows)),
        rounds=max(row.rounds for row in rows),
        winner=winner,
        consensus_reached=consensus,
        sides=tuple(_side(row) for row in rows if row.event_type == "debate.turn"),
        verdicts={row.who: row.events for row in rows if row.event_type == "debate.judged"},
    )


def utc(at: datetime) -> datetime:
    """Return a time of ClickHouse, which comes without its zone, in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def quantiles(values: Sequence[float]) -> Quantiles:
    """Return three quantiles; of nothing they are 0, where ClickHouse gives NaN."""
    first, second, third = (value if value == value else 0.0 for value in values)  # noqa: PLR0124 - NaN
    return first, second, third


def _side(row: EventsRow) -> Side:
    times = (row.timed, row.response_time_ms, quantiles(row.response_time))
    return Side(row.who, *row.side, Turns(row.events, *times, row.rated, row.confidence))


def _calls(sums: Sequence[float], latency: Quantiles) -> Calls:
    requests, failures, latency_ms, prompt, completion, cost = sums
    return Calls(int(requests), int(failures), latency_ms, latency, int(prompt), int(completion), cost)


def _turns(sums: Sequence[float], response_time: Quantiles) -> Turns:
    turns, timed, response_time_ms, rated, confidence = sums
    return Turns(int(turns), int(timed), response_time_ms, response_time, int(rated), confidence)


def _outcomes(sums: Sequence[float], _: Quantiles) -> Outcomes:
    return Outcomes(*map(int, sums))


_KINDS = {"calls": _calls, "turns": _turns, "outcomes": _outcomes}
