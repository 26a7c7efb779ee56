"""Analytics say the same from ClickHouse's rollups and from the lake's events."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from analytics_events import MODELS, NOW, Rows, events, put

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_PROVIDER_CALLS, LAKE_TABLES
from helix_pipeline.domain.analytics.figures import AnalyticsReader, Figures, ProviderSums, WinsPoint
from helix_pipeline.domain.analytics.window import Window, days, window
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import lake, warehouse, warehouse_migrations
from helix_pipeline.stores.figures_lake import LakeFigures
from helix_pipeline.stores.figures_warehouse import WarehouseFigures

pytestmark = pytest.mark.servers

WINDOWS = ("90m", "24h", "2d", "1w")
CLOSE = 0.06
"""How far DuckDB's approximate quantiles may lie from those of the rollups."""

SKETCH = 0.012
"""How far those of the rollups may lie from the true ones: 1 % by their definition, and ranks of few values."""


@pytest.fixture(scope="module")
def rows() -> Rows:
    return events()


@pytest.fixture(scope="module")
def readers(settings: Settings, tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> Iterator[list[Any]]:
    own = filled(settings, tmp_path_factory.mktemp("lake"), rows)
    with warehouse.client(warehouse.open_warehouse(own)) as client, ThreadPoolExecutor(4) as pool:
        yield [WarehouseFigures(client, 10, pool), LakeFigures(lake.open_lake(own))]
        client.command(f"DROP DATABASE {own.clickhouse.database}")


def filled(settings: Settings, root: Path, rows: Rows) -> Settings:
    """Settings with a database and a lake of their own that hold these events."""
    flags = {"clickhouse.port": settings.clickhouse.port, "clickhouse.database": f"h{uuid4().hex}"}
    own = load(environ={}, flags=flags | {"lake.root": str(root), "home": str(settings.home)})
    warehouse_migrations.migrate(own)
    lake.create_tables(lake.open_lake(own), LAKE_TABLES)
    put(own, rows)
    return own


def within(rows: Rows, asked: Window) -> list[dict[str, Any]]:
    return [one for one in rows[LAKE_PROVIDER_CALLS] if asked.since <= one["timestamp"] < asked.until]


@pytest.mark.parametrize("text", WINDOWS)
def test_providers_add_up_to_the_events(readers: list[AnalyticsReader], rows: Rows, text: str):
    asked = window(text, NOW)
    for reader in readers:
        found = {one.name: one.calls for one in reader.providers(asked) if one.calls.requests}
        for provider, calls in found.items():
            mine = [one for one in within(rows, asked) if one["provider"] == provider]
            assert (calls.requests, calls.failures) == (len(mine), sum(not one["success"] for one in mine))
            assert calls.latency_ms == pytest.approx(sum(one["latency_ms"] for one in mine))
            assert calls.tokens_prompt == sum(one["tokens_prompt"] for one in mine)
            assert calls.cost == pytest.approx(sum(one["cost"] for one in mine))
        assert sum(calls.requests for calls in found.values()) == len(within(rows, asked)) > 0


def test_the_quantiles_of_the_rollups_are_those_of_the_calls(readers: list[AnalyticsReader], rows: Rows):
    asked = window("1w", NOW)
    for figures in [*readers[0].providers(asked), *(readers[0].provider(asked, name).whole for name in MODELS)]:
        mine = [one["latency_ms"] for one in within(rows, asked) if one["provider"] == figures.name]
        true = np.quantile(mine, [0.5, 0.95, 0.99], method="inverted_cdf")
        assert figures.calls.latency == pytest.approx(true, rel=SKETCH)


def test_a_long_window_begins_with_hours_and_goes_on_with_days(readers: list[AnalyticsReader], rows: Rows):
    asked = window("8d", NOW + timedelta(days=6, hours=3))
    mine = within(rows, asked)
    assert asked.long
    assert {one["timestamp"] < asked.whole_from(by_day=True) for one in mine} == {True, False}
    alike(*(reader.providers(asked) for reader in readers))
    assert sum(one.calls.requests for one in readers[0].providers(asked)) == len(mine)


@pytest.mark.parametrize("text", WINDOWS)
def test_both_readers_say_the_same_of_providers_and_models(readers: list[AnalyticsReader], text: str):
    asked = window(text, NOW)
    alike(*(reader.providers(asked) for reader in readers))
    for provider in MODELS:
        found = [reader.provider(asked, provider) for reader in readers]
        alike(*(one.models for one in found))
        alike(*([one.whole] for one in found))
        assert found[0].errors == found[1].errors
    nobody = ProviderSums(Figures("nobody"), [], {})
    assert readers[0].provider(asked, "nobody") == readers[1].provider(asked, "nobody") == nobody


def alike(house: list[Figures], of_lake: list[Figures]) -> None:
    assert [one.name for one in house] == [one.name for one in of_lake]
    for one, other in zip(house, of_lake, strict=True):
        assert (one.outcomes, one.calls.requests) == (other.outcomes, other.calls.requests)
        assert (one.turns.turns, one.turns.timed, one.turns.rated) == (
            other.turns.turns,
            other.turns.timed,
            other.turns.rated,
        )
        assert one.turns.confidence == pytest.approx(other.turns.confidence)
        if one.calls.requests > 1000:
            assert one.calls.latency == pytest.approx(other.calls.latency, rel=CLOSE)


@pytest.mark.parametrize(
    ("length", "bucket"), [("24h", "minute"), ("2d", "hour"), ("2d", "day"), ("4w", "hour"), ("4w", "day")]
)
@pytest.mark.parametrize("provider", ["", "openai"])
def test_both_readers_draw_the_same_series(
    readers: list[AnalyticsReader], rows: Rows, length: str, bucket: Any, provider: str
):
    asked = window(length, NOW)
    first, second = (reader.series(asked, bucket, provider) for reader in readers)
    points = [[(one.time, one.provider, one.requests, one.failures) for one in found] for found in (first, second)]
    assert points[0] == points[1]
    mine = [one for one in within(rows, asked) if provider in ("", one["provider"])]
    assert sum(one.requests for one in first) == len(mine) > 0
    assert all(one.time.tzinfo and one.time == floor(one.time, bucket) for one in [*first, *second])


def floor(at: datetime, bucket: str) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if bucket == "minute" else whole.replace(minute=0, **({"hour": 0} if bucket == "day" else {}))


def test_both_readers_count_the_same_conversations(readers: list[AnalyticsReader], rows: Rows):
    asked = days(5, NOW)
    first, second = (reader.conversations(asked) for reader in readers)
    assert first == second
    assert sum(one.messages for one in first) == len(rows[LAKE_CONVERSATIONS])
    assert sum(one.seconds for one in first) > 0


def test_both_readers_name_the_same_winners(readers: list[AnalyticsReader], rows: Rows):
    first, second = (reader.winners(window("1w", NOW), 10) for reader in readers)
    assert first == second
    ended = [one for one in rows[LAKE_DEBATES] if one["event_type"] == "debate.completed"]
    assert (first.ended, first.decided) == (len(ended), sum(one["winner"] is not None for one in ended))
    assert sum(one.wins for one in first.models) == first.decided
    assert readers[0].winners(window("1w", NOW), 1).models == first.models[:1]


def test_debates_that_ended_in_the_first_hour_of_a_window_count_from_its_first_minute_on(
    readers: list[AnalyticsReader], rows: Rows
):
    ends = [one["timestamp"] for one in rows[LAKE_DEBATES] if one["event_type"] == "debate.completed"]
    for end in ends:
        since_then = int((NOW - end) / timedelta(minutes=1)) + 1
        for minutes in (since_then, since_then + 1):
            asked = window(f"{minutes}m", NOW)
            first, second = (reader.winners(asked, 10) for reader in readers)
            assert first == second
            assert first.ended == sum(asked.since <= one < asked.until for one in ends)
            alike(*(reader.providers(asked) for reader in readers))


@pytest.mark.parametrize("asked", [window("1w", NOW), window("4w", NOW), window("8d", NOW + timedelta(6, hours=3))])
@pytest.mark.parametrize("bucket", ["hour", "day"])
@pytest.mark.parametrize("limit", [1, 10])
def test_both_readers_draw_the_same_wins(readers: list[AnalyticsReader], asked: Window, bucket: Any, limit: int):
    found = wins_alike(readers, asked, bucket, limit)
    assert len({one.time for one in found}) > 1
    assert all(one.time.tzinfo and one.time == floor(one.time, bucket) for one in found)


def test_wins_are_drawn_from_the_first_minute_of_a_window_on_and_for_winners_alone(
    readers: list[AnalyticsReader], rows: Rows
):
    drawn = set()
    for one in rows[LAKE_DEBATES]:
        if one["event_type"] == "debate.completed":
            minutes = int((NOW - one["timestamp"]) / timedelta(minutes=1)) + 2
            found = wins_alike(readers, window(f"{minutes}m", NOW), "hour", 10)
            drawn.add(len({point.provider for point in found}))
            assert not one["winner"] or found[0].time == floor(one["timestamp"], "hour")
    assert drawn >= {1, 2}


def wins_alike(readers: list[AnalyticsReader], asked: Window, bucket: Any, limit: int) -> Sequence[WinsPoint]:
    first, second = (reader.wins(asked, bucket, limit) for reader in readers)
    assert first == second
    assert list(first) == sorted(first, key=lambda one: (one.time, one.provider, one.model))
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for one in first:
        wins, debates = sums.get((one.provider, one.model), (0, 0))
        sums[one.provider, one.model] = (wins + one.wins, debates + one.debates)
    models = readers[0].winners(asked, limit).models
    assert sums == {(one.provider, one.model): (one.wins, one.debates) for one in models if one.wins}
    return first


def test_both_readers_tell_the_same_of_a_debate(readers: list[AnalyticsReader], rows: Rows):
    for number in range(20):
        first, second = (reader.debate(f"debate-{number}") for reader in readers)
        assert first is not None
        assert second is not None
        assert (first.started_at, first.ended_at, first.last_event_at) == (
            second.started_at,
            second.ended_at,
            second.last_event_at,
        )
        assert (first.winner, first.rounds, first.topic) == (second.winner, second.rounds, second.topic)
        assert (first.consensus_reached, first.verdicts) == (second.consensus_reached, second.verdicts)
        sides = [
            [(s.participant, s.provider, s.model, s.turns.turns, s.turns.timed) for s in d.sides]
            for d in (first, second)
        ]
        assert sides[0] == sides[1]
        assert len(sides[0]) == 2
    assert [reader.debate("no such debate") for reader in readers] == [None, None]


def test_a_window_without_events_is_empty_and_well_formed(readers: list[AnalyticsReader]):
    long_ago = window("1h", NOW - timedelta(days=300))
    for reader in readers:
        assert reader.providers(long_ago) == []
        assert reader.series(long_ago, "hour") == []
        assert reader.provider(long_ago, "openai").errors == {}
        assert reader.conversations(long_ago) == []
        assert reader.winners(long_ago, 5).ended == 0
        assert reader.wins(long_ago, "hour", 5) == []
