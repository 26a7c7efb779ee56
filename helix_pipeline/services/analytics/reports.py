"""The reports of analytics: means, shares and intervals from the sums of a store, in the shapes of the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from helix_pipeline.domain.analytics.figures import (
    AnalyticsReader,
    Calls,
    ConversationDay,
    EntityRise,
    Figures,
    Quantiles,
    Sample,
    Turns,
)
from helix_pipeline.domain.analytics.shares import share, win_interval
from helix_pipeline.domain.analytics.window import Bucket, Window
from helix_pipeline.services.analytics.asked import asked_days, asked_window, check_limit, check_name
from helix_pipeline.services.analytics.stores import AnalyticsStores, Answered


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """A provider, or one of its models. Means and shares of nothing are null; the interval of a win rate is Wilson's.

    Response times are those of calls, of debate turns where there are no calls. `error_rate`, `win_rate` and
    `avg_confidence` are in [0, 1].
    """

    provider: str
    model: str | None
    total_requests: int
    error_rate: float | None
    avg_response_time_ms: float | None
    p50_response_time_ms: float | None
    p95_response_time_ms: float | None
    p99_response_time_ms: float | None
    tokens_prompt: int
    tokens_completion: int
    cost_usd: float
    debate_turns: int
    avg_confidence: float | None
    debates: int
    wins: int
    win_rate: float | None
    win_rate_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """The calls of a provider in one bucket, which begins at `time`."""

    time: datetime
    provider: str
    requests: int
    error_rate: float
    avg_response_time_ms: float
    p95_response_time_ms: float


@dataclass(frozen=True, slots=True)
class ProvidersReport:
    """All providers with calls, turns or debates that ended in the window, those with most requests first."""

    within: Window
    providers: tuple[ProviderFigures, ...]
    series: tuple[SeriesPoint, ...] | None


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """One provider: all of it, its models, its errors by type."""

    within: Window
    figures: ProviderFigures
    models: tuple[ProviderFigures, ...]
    errors: dict[str, int]
    series: tuple[SeriesPoint, ...] | None


@dataclass(frozen=True, slots=True)
class ConversationsOfDay:
    """Conversations in which something was said on a day. Durations run from first to last message of the day."""

    date: date
    count: int
    avg_messages: float
    avg_duration_min: float
    messages: int
    tokens: int
    entity_density: float | None


@dataclass(frozen=True, slots=True)
class EntitiesOfDay:
    """What messages named on a day: pairs of message and entity, different entities, pairs per naming message.

    `unique_entities` has a standard error of 1.6 % where there are more than a hundred.
    """

    date: date
    total_extractions: int
    unique_entities: int
    avg_entities_per_msg: float


@dataclass(frozen=True, slots=True)
class EntitiesReport:
    """Each day of the window, and the entities with most mentions."""

    daily_stats: tuple[EntitiesOfDay, ...]
    top_entities: tuple[EntityRise, ...]


def providers(stores: AnalyticsStores, text: str, bucket: Bucket | None = None) -> Answered[ProvidersReport]:
    """Return the providers within a window such as `24h`. Raises UsageError for another text or too many buckets."""
    within = asked_window(text, bucket)

    def ask(reader: AnalyticsReader) -> ProvidersReport:
        found = _most_first(_provider(one, one.name) for one in reader.providers(within))
        return ProvidersReport(within, found, _series(reader, within, bucket))

    return stores.ask(ask)


def bucket_of(text: str) -> Bucket:
    """Return the bucket that draws a window well. Raises UsageError where it is none."""
    within = asked_window(text)
    length = within.until - within.since
    return "minute" if length <= timedelta(hours=2) else "hour" if length <= timedelta(days=3) else "day"


def provider(stores: AnalyticsStores, name: str, text: str, bucket: Bucket | None = None) -> Answered[ProviderReport]:
    """Return one provider within a window; one that nothing is known of has zeros. Raises as `providers`."""
    within = asked_window(text, bucket)
    check_name(name)

    def ask(reader: AnalyticsReader) -> ProviderReport:
        found = reader.provider(within, name)
        by_model = _most_first(_provider(one, name, one.name) for one in found.models)
        series = _series(reader, within, bucket, name)
        return ProviderReport(within, _provider(found.whole, name), by_model, found.errors, series)

    return stores.ask(ask)


def conversations(stores: AnalyticsStores, count: int) -> Answered[tuple[ConversationsOfDay, ...]]:
    """Return the last `count` days (1 to 366), each, today last. Entities are left out where they are not known."""
    within = asked_days(count)

    def ask(reader: AnalyticsReader) -> tuple[ConversationsOfDay, ...]:
        said, days = reader.both(
            lambda: reader.conversations(within), lambda: reader.entity_days(within) if reader.knows_entities else None
        )
        by_day = {one.date: one for one in said}
        named = None if days is None else {one.date: one.extractions for one in days}
        return tuple(_conversations_of(day, by_day.get(day), named) for day in _each_day(within))

    return stores.ask(ask)


def entities(stores: AnalyticsStores, count: int, limit: int) -> Answered[EntitiesReport]:
    """Return what messages named in the last `count` days, and the `limit` entities with most mentions.

    Raises StoreError while ClickHouse is away: the lake has events alone.
    """
    within = asked_days(count)
    check_limit(limit)

    def ask(reader: AnalyticsReader) -> EntitiesReport:
        days, top = reader.both(lambda: reader.entity_days(within), lambda: reader.entity_rises(within, limit))
        found = {one.date: one for one in days}
        stats = (
            EntitiesOfDay(day, one.extractions, one.entities, share(one.extractions, one.messages) or 0.0)
            if (one := found.get(day))
            else EntitiesOfDay(day, 0, 0, 0.0)
            for day in _each_day(within)
        )
        return EntitiesReport(tuple(stats), tuple(top))

    return stores.ask(ask)


def _each_day(within: Window) -> list[date]:
    count = (within.until - within.since).days
    return [(within.since + timedelta(days=n)).date() for n in range(count)]


def _most_first(found: Iterable[ProviderFigures]) -> tuple[ProviderFigures, ...]:
    return tuple(sorted(found, key=lambda one: (-one.total_requests, -one.debate_turns, one.provider, one.model)))


def _provider(figures: Figures, provider: str, model: str | None = None) -> ProviderFigures:
    calls, turns, outcomes = figures.calls, figures.turns, figures.outcomes
    mean, quantiles = _response_time(calls, turns)
    return ProviderFigures(
        provider=provider,
        model=model,
        total_requests=calls.requests,
        error_rate=share(calls.failures, calls.requests),
        avg_response_time_ms=mean,
        p50_response_time_ms=quantiles[0] if quantiles else None,
        p95_response_time_ms=quantiles[1] if quantiles else None,
        p99_response_time_ms=quantiles[2] if quantiles else None,
        tokens_prompt=calls.tokens_prompt,
        tokens_completion=calls.tokens_completion,
        cost_usd=calls.cost,
        debate_turns=turns.turns,
        avg_confidence=share(turns.confidence, turns.rated),
        debates=outcomes.debates,
        wins=outcomes.wins,
        win_rate=share(outcomes.wins, outcomes.debates),
        win_rate_interval=win_interval(outcomes.wins, outcomes.debates),
    )


def _response_time(calls: Calls, turns: Turns) -> tuple[float | None, Quantiles | None]:
    if calls.requests:
        return calls.latency_ms / calls.requests, calls.latency
    if turns.timed:
        return turns.response_time_ms / turns.timed, turns.response_time
    return None, None


def _series(
    reader: AnalyticsReader, within: Window, bucket: Bucket | None, name: str = ""
) -> tuple[SeriesPoint, ...] | None:
    return tuple(map(_point, reader.series(within, bucket, name))) if bucket else None


def _point(one: Sample) -> SeriesPoint:
    return SeriesPoint(
        one.time, one.provider, one.requests, one.failures / one.requests, one.latency_ms / one.requests, one.p95_ms
    )


def _conversations_of(day: date, said: ConversationDay | None, named: Mapping[date, int] | None) -> ConversationsOfDay:
    if said is None:
        return ConversationsOfDay(day, 0, 0.0, 0.0, 0, 0, None)
    return ConversationsOfDay(
        date=day,
        count=said.conversations,
        avg_messages=said.messages / said.conversations,
        avg_duration_min=said.seconds / 60 / said.conversations,
        messages=said.messages,
        tokens=said.tokens,
        entity_density=None if named is None else named.get(day, 0) / said.messages,
    )
