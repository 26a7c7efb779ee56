"""Queries and answers of /v1/analytics."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from helix_pipeline.api.flat import flat
from helix_pipeline.domain.analytics.window import Bucket, WholeHours
from helix_pipeline.services.analytics.asked import MOST_DAYS, MOST_LIMIT
from helix_pipeline.services.analytics.debates import DebateReport, WinnersReport
from helix_pipeline.services.analytics.operation import CompressionReport, SystemReport
from helix_pipeline.services.analytics.reports import (
    ConversationsOfDay,
    EntitiesReport,
    ProviderReport,
    ProvidersReport,
)

WindowText = Annotated[
    str, Field(pattern=r"^[1-9]\d{0,5}[mhdw]$", description="30m, 24h, 7d or 4w; at most 366 days", examples=["24h"])
]
Limit = Annotated[int, Field(ge=1, le=MOST_LIMIT)]


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


def _not_by_minute(bucket: object) -> object:
    if bucket == "minute":
        raise PydanticCustomError("kept_by_hour", "who won is kept by hour, not by minute: ask for 'hour' or 'day'")
    return bucket


class WinnersQuery(_Query):
    """How many models, over which time, and a series of their wins by bucket besides, at most 1,500 of them."""

    limit: Limit = 10
    window: WindowText = "30d"
    bucket: Annotated[WholeHours | None, BeforeValidator(_not_by_minute)] = None


class _Source(BaseModel):
    source: str = Field(description="`clickhouse`, or `lake` while that is away", examples=["clickhouse"])
    degraded: bool
    notes: list[str]


class _Within(_Source):
    window: str
    from_: datetime = Field(alias="from")
    to: datetime


class _OfProvider(_Within):
    provider: str


_TIME = ("within",)
"""What `_Within` tells in three fields."""

Providers = flat("Providers", ProvidersReport, _Within, _TIME)
DebateWinners = flat("DebateWinners", WinnersReport, _Within, _TIME)
DebateDetails = flat("DebateDetails", DebateReport, _Source)
EntityTrends = flat("EntityTrends", EntitiesReport, _Source)
CompressionStats = flat("CompressionStats", CompressionReport, _Within, _TIME)
System = flat("System", SystemReport, _Source)
Provider = flat("Provider", ProviderReport, _OfProvider, _TIME)


class ConversationTrends(_Source):
    """Conversations by day."""

    daily_stats: list[ConversationsOfDay]
