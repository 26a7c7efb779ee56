"""Queries and answers of /v1/analytics."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from helix_pipeline.domain.analytics.figures import EntityRise
from helix_pipeline.domain.analytics.window import Bucket
from helix_pipeline.services.analytics.asked import MOST_DAYS, MOST_LIMIT, MOST_NAME
from helix_pipeline.services.analytics.debates import DebateSide, TopWinner
from helix_pipeline.services.analytics.operation import Memory, StrategyCompressions
from helix_pipeline.services.analytics.reports import (
    ConversationsOfDay,
    EntitiesOfDay,
    ProviderFigures,
    SeriesPoint,
)

WindowText = Annotated[
    str, Field(pattern=r"^[1-9]\d{0,5}[mhdw]$", description="30m, 24h, 7d or 4w; at most 366 days", examples=["24h"])
]
Limit = Annotated[int, Field(ge=1, le=MOST_LIMIT)]
Id = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WindowQuery(_Query):
    """A window that ends now, and a series by bucket besides, at most 1,500 of them."""

    window: WindowText = "24h"
    bucket: Bucket | None = None


class LongWindowQuery(_Query):
    """A window that ends now."""

    window: WindowText = "7d"


class DaysQuery(_Query):
    """The last days in UTC, today among them."""

    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 7


class EntityTrendsQuery(DaysQuery):
    """The last days, and how many of the most named entities."""

    limit: Limit = 20


class WinnersQuery(_Query):
    """How many models, and over which time."""

    limit: Limit = 10
    window: WindowText = "30d"


class _Source(BaseModel):
    source: str = Field(description="`clickhouse`, or `lake` while that is away", examples=["clickhouse"])
    degraded: bool
    notes: list[str]


class _Within(_Source):
    window: str
    from_: datetime = Field(alias="from")
    to: datetime


class Providers(_Within):
    """All providers; those with most requests first."""

    providers: list[ProviderFigures]
    series: list[SeriesPoint] | None


class Provider(_Within):
    """One provider."""

    provider: str
    figures: ProviderFigures
    models: list[ProviderFigures]
    errors: dict[str, int]
    series: list[SeriesPoint] | None


class ConversationTrends(_Source):
    """Conversations by day."""

    daily_stats: list[ConversationsOfDay]


class DebateWinners(_Within):
    """Who wins debates."""

    top_winners: list[TopWinner]
    ended: int
    decided: int


class DebateDetails(_Source):
    """One debate. `verdicts` are judges by the participant whom they named."""

    debate_id: str
    topic: str | None
    status: str
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    rounds: int
    turns: int
    winner: str | None
    consensus_reached: bool | None
    participants: list[DebateSide]
    verdicts: dict[str, int]


class EntityTrends(_Source):
    """Entities by day, and those with most mentions beside the time of equal length before."""

    daily_stats: list[EntitiesOfDay]
    top_entities: list[EntityRise]


class CompressionStats(_Within):
    """Conversations that were compressed for callers."""

    total: StrategyCompressions
    strategies: list[StrategyCompressions]


class System(_Source):
    """How the machine and the API are. Rates are of the last five minutes; null while ClickHouse is away."""

    cpu_percent: float
    cores: int
    memory: Memory
    uptime_s: float
    requests_per_minute: float | None
    error_rate: float | None
    avg_duration_ms: float | None
    p95_duration_ms: float | None
