"""The reports on the platform itself: what was compressed, and how the machine and the API are."""

import os
import time
from dataclasses import dataclass

import psutil

from helix_pipeline.domain.analytics.figures import Compressions, Usage
from helix_pipeline.domain.analytics.shares import share
from helix_pipeline.domain.analytics.window import Window
from helix_pipeline.errors import StoreError
from helix_pipeline.services.analytics.asked import asked_window
from helix_pipeline.services.analytics.stores import AnalyticsStores, Answered

RECENT_MIN = 5
"""Minutes over which the rates of `system` are taken."""


@dataclass(frozen=True, slots=True)
class StrategyCompressions:
    """What a strategy did. `ratio` is the share of the tokens that is left; means of nothing are null."""

    strategy: str
    compressions: int
    cached: int
    original_tokens: int
    compressed_tokens: int
    ratio: float | None
    avg_quality_score: float | None
    avg_duration_ms: float | None


@dataclass(frozen=True, slots=True)
class CompressionReport:
    """All compressions of a window, together and by strategy."""

    within: Window
    total: StrategyCompressions
    strategies: tuple[StrategyCompressions, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the machine's memory, and of this process."""

    total: int
    available: int
    process: int


@dataclass(frozen=True, slots=True)
class SystemReport:
    """The machine and this process; the API's requests of the last minutes, null while ClickHouse is away.

    `cpu_percent` is that of the whole machine since the last question, 0 to 100.
    """

    cpu_percent: float
    cores: int
    memory: Memory
    uptime_s: float
    requests_per_minute: float | None
    error_rate: float | None
    avg_duration_ms: float | None
    p95_duration_ms: float | None


def compressions(stores: AnalyticsStores, text: str) -> Answered[CompressionReport]:
    """Return what was compressed within a window. Raises StoreError while ClickHouse is away."""
    within = asked_window(text)

    def report(found: list[Compressions]) -> CompressionReport:
        return CompressionReport(within, _strategy(_total(found)), tuple(map(_strategy, found)))

    return stores.ask(lambda reader: report(list(reader.compressions(within))))


def system(stores: AnalyticsStores) -> Answered[SystemReport]:
    """Return how the machine and the API are; answers without ClickHouse too."""
    within = asked_window(f"{RECENT_MIN}m")
    try:
        found = stores.ask(lambda reader: reader.usage(within))
    except StoreError as error:
        return Answered(_system(None), "lake", (str(error),))
    return Answered(_system(found.value), found.source, found.notes)


def _system(usage: Usage | None) -> SystemReport:
    memory, process = psutil.virtual_memory(), psutil.Process()
    return SystemReport(
        cpu_percent=psutil.cpu_percent(),
        cores=os.cpu_count() or 1,
        memory=Memory(memory.total, memory.available, process.memory_info().rss),
        uptime_s=time.time() - process.create_time(),
        requests_per_minute=usage.requests / RECENT_MIN if usage else None,
        error_rate=share(usage.failures, usage.requests) if usage else None,
        avg_duration_ms=share(usage.duration_ms, usage.requests) if usage else None,
        p95_duration_ms=usage.duration[1] if usage and usage.requests else None,
    )


def _total(found: list[Compressions]) -> Compressions:
    sums = ("contexts", "cached", "original_tokens", "compressed_tokens", "rated", "quality", "duration_ms")
    return Compressions("all", *(sum(getattr(one, name) for one in found) for name in sums))


def _strategy(one: Compressions) -> StrategyCompressions:
    return StrategyCompressions(
        strategy=one.strategy,
        compressions=one.contexts,
        cached=one.cached,
        original_tokens=one.original_tokens,
        compressed_tokens=one.compressed_tokens,
        ratio=share(one.compressed_tokens, one.original_tokens),
        avg_quality_score=share(one.quality, one.rated),
        avg_duration_ms=share(one.duration_ms, one.contexts),
    )
