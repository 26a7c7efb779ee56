"""What rows of ClickHouse say, as the figures of analytics."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from helix_pipeline.domain.analytics.figures import Calls, Debate, Figures, Outcomes, Quantiles, Side, Turns

Row = Sequence[Any]


def figures_of(rows: Iterable[Row]) -> list[Figures]:
    """Return the figures by name, from rows that begin with kind, name, sums and quantiles."""
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for kind, name, sums, spread, *_ in rows:
        parts[name][kind] = _KINDS[kind](sums, quantiles(spread))
    return [Figures(name, **found) for name, found in sorted(parts.items())]


def debate_of(debate_id: str, rows: Sequence[Row]) -> Debate | None:
    """Return a debate from the rows of `figures_sql.DEBATE`; none where there are none."""
    if not rows:
        return None
    kinds = {kind: [row for row in rows if row[0] == kind] for kind in ("debate.turn", "debate.judged")}
    ends = [row for row in rows if row[0] == "debate.completed"]
    winner, consensus = ends[0][7] if ends else (None, None)
    return Debate(
        debate_id=debate_id,
        topic=next((topic for _, _, _, topic, *_ in rows if topic is not None), None),
        started_at=utc(min(row[4] for row in rows)),
        ended_at=utc(ends[0][4]) if ends else None,
        last_event_at=utc(max(row[5] for row in rows)),
        rounds=max(row[6] for row in rows),
        winner=winner,
        consensus_reached=consensus,
        sides=tuple(_side(row) for row in kinds["debate.turn"]),
        verdicts={row[1]: row[2] for row in kinds["debate.judged"]},
    )


def utc(at: datetime) -> datetime:
    """Return a time of ClickHouse, which comes without its zone, in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def quantiles(values: Sequence[float]) -> Quantiles:
    """Return three quantiles; of nothing they are 0, where ClickHouse gives NaN."""
    first, second, third = (value if value == value else 0.0 for value in values)  # noqa: PLR0124 - NaN
    return first, second, third


def _side(row: Row) -> Side:
    position, provider, model = row[8]
    timed, response_time_ms, response_time, rated, confidence = row[9:]
    turns = Turns(row[2], timed, response_time_ms, quantiles(response_time), rated, confidence)
    return Side(row[1], position, provider, model, turns)


def _calls(sums: Sequence[float], latency: Quantiles) -> Calls:
    requests, failures, latency_ms, prompt, completion, cost = sums
    return Calls(int(requests), int(failures), latency_ms, latency, int(prompt), int(completion), cost)


def _turns(sums: Sequence[float], response_time: Quantiles) -> Turns:
    turns, timed, response_time_ms, rated, confidence = sums
    return Turns(int(turns), int(timed), response_time_ms, response_time, int(rated), confidence)


def _outcomes(sums: Sequence[float], _: Quantiles) -> Outcomes:
    return Outcomes(*map(int, sums))


_KINDS = {"calls": _calls, "turns": _turns, "outcomes": _outcomes}
