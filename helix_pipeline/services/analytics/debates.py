"""The reports on debates: who wins, and one debate as it went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from helix_pipeline.domain.analytics.figures import AnalyticsReader, Debate, Side, Winner, Winners, WinsPoint
from helix_pipeline.domain.analytics.shares import share, win_interval
from helix_pipeline.domain.analytics.window import WholeHours, Window
from helix_pipeline.errors import NotFoundError
from helix_pipeline.services.analytics.asked import asked_window, check_limit, check_name
from helix_pipeline.services.analytics.reports import bucket_of as bucket_of_calls
from helix_pipeline.services.analytics.stores import AnalyticsStores, Answered


@dataclass(frozen=True, slots=True)
class TopWinner:
    """A model: `percentage` of all decided debates that it won; `win_rate` of those that it took part in, 0 to 1."""

    provider: str
    model: str
    wins: int
    percentage: float
    debates: int
    win_rate: float
    win_rate_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class WinnersReport:
    """The models with most wins, of the debates that ended in the window, decided or not, and the series of each."""

    within: Window
    top_winners: tuple[TopWinner, ...]
    ended: int
    decided: int
    series: tuple[WinsPoint, ...] | None


@dataclass(frozen=True, slots=True)
class DebateSide:
    """A participant. Means of nothing are null."""

    participant: str
    position: str | None
    provider: str
    model: str
    turns: int
    avg_response_time_ms: float | None
    p95_response_time_ms: float | None
    avg_confidence: float | None
    won: bool


@dataclass(frozen=True, slots=True)
class DebateReport:
    """One debate. `verdicts` are judges by the participant whom they named, '' for none of them."""

    debate_id: str
    topic: str | None
    status: Literal["running", "completed"]
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    rounds: int
    turns: int
    winner: str | None
    consensus_reached: bool | None
    participants: tuple[DebateSide, ...]
    verdicts: dict[str, int]


def winners(
    stores: AnalyticsStores, limit: int, text: str, bucket: WholeHours | None = None
) -> Answered[WinnersReport]:
    """Return the models that won most debates within a window, at most `limit`, and when.

    Raises UsageError for a bad window or limit, or too many buckets.
    """
    within = asked_window(text, bucket)
    check_limit(limit)

    def ask(reader: AnalyticsReader) -> WinnersReport:
        found, series = _winners(reader, within, limit, bucket)
        models = (_winner(one, found) for one in found.models if one.wins)
        return WinnersReport(within, tuple(models), found.ended, found.decided, series)

    return stores.ask(ask)


def bucket_of(text: str) -> WholeHours:
    """Return the bucket that draws who won in a window well. Raises UsageError where it is none."""
    return "day" if bucket_of_calls(text) == "day" else "hour"


def debate(stores: AnalyticsStores, debate_id: str) -> Answered[DebateReport]:
    """Return one debate. Raises NotFoundError where there is no event of it."""
    check_name(debate_id)

    def ask(reader: AnalyticsReader) -> DebateReport:
        found = reader.debate(debate_id)
        if found is None:
            raise NotFoundError(f"no debate {debate_id!r}: it is here some seconds after its first event")
        return _debate(found)

    return stores.ask(ask)


def _winners(
    reader: AnalyticsReader, within: Window, limit: int, bucket: WholeHours | None
) -> tuple[Winners, tuple[WinsPoint, ...] | None]:
    if not bucket:
        return reader.winners(within, limit), None
    return reader.both(lambda: reader.winners(within, limit), lambda: tuple(reader.wins(within, bucket, limit)))


def _winner(one: Winner, among: Winners) -> TopWinner:
    return TopWinner(
        provider=one.provider,
        model=one.model,
        wins=one.wins,
        percentage=100 * (share(one.wins, among.decided) or 0.0),
        debates=one.debates,
        win_rate=one.wins / one.debates,
        win_rate_interval=win_interval(one.wins, one.debates) or (0.0, 1.0),
    )


def _debate(found: Debate) -> DebateReport:
    return DebateReport(
        debate_id=found.debate_id,
        topic=found.topic,
        status="completed" if found.ended_at else "running",
        started_at=found.started_at,
        ended_at=found.ended_at,
        duration_s=((found.ended_at or found.last_event_at) - found.started_at).total_seconds(),
        rounds=found.rounds,
        turns=sum(one.turns.turns for one in found.sides),
        winner=found.winner,
        consensus_reached=found.consensus_reached,
        participants=tuple(_side(one, found.winner) for one in found.sides),
        verdicts=found.verdicts,
    )


def _side(one: Side, winner: str | None) -> DebateSide:
    return DebateSide(
        participant=one.participant,
        position=one.position,
        provider=one.provider,
        model=one.model,
        turns=one.turns.turns,
        avg_response_time_ms=share(one.turns.response_time_ms, one.turns.timed),
        p95_response_time_ms=one.turns.response_time[1] if one.turns.timed else None,
        avg_confidence=share(one.turns.confidence, one.turns.rated),
        won=one.participant == winner,
    )
