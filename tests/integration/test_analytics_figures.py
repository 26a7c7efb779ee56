"""Reports of what no event says: entities of messages, compressions, requests of the API."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyarrow as pa
import pytest

from helix_pipeline.contracts.figures import CompressionRow, RequestRow, as_table
from helix_pipeline.domain.analytics.named import NAMED
from helix_pipeline.services.analytics import operation, reports
from helix_pipeline.services.analytics.stores import AnalyticsStores
from helix_pipeline.settings import Settings
from helix_pipeline.stores import warehouse, warehouse_migrations

pytestmark = pytest.mark.servers


@pytest.fixture
def stores(settings: Settings) -> Iterator[AnalyticsStores]:
    changed = settings.clickhouse.model_copy(update={"database": f"h{uuid4().hex}"})
    own = settings.model_copy(update={"clickhouse": changed})
    warehouse_migrations.migrate(own)
    found = AnalyticsStores(own)
    yield found
    found.close()


def put(stores: AnalyticsStores, table: str, rows: pa.Table) -> None:
    stores.warehouse.ask(lambda client: warehouse.insert(client, table, rows, uuid4().hex))


def named(now: datetime, *found: tuple[int, str, tuple[str, ...]]) -> pa.Table:
    """Rows of messages that name these entities, so many days ago."""
    rows = [
        {
            "timestamp": now - timedelta(days=days),
            "conversation_id": "c",
            "message_id": message,
            "entity_id": f"tech:{name}",
            "name": name,
            "type": "TECH",
            "subtype": "",
            "mentions": 2,
            "entities_per_message": len(names),
            "ingested_at": now,
        }
        for days, message, names in found
        for name in names
    ]
    return pa.Table.from_pylist(rows, NAMED)


def test_entities_are_counted_by_day_and_those_with_most_mentions_come_first(stores: AnalyticsStores):
    said = [(0, "m1", ("redis", "docker")), (0, "m2", ("redis",)), (6, "m3", ("redis",)), (7, "m4", ("redis",))]
    put(stores, "entity_extraction_metrics", named(datetime.now(UTC), *said))
    found = reports.entities(stores, 7, 2).value
    today = found.daily_stats[-1]
    assert (today.total_extractions, today.unique_entities, today.avg_entities_per_msg) == (3, 2, 1.5)
    assert [one.total_extractions for one in found.daily_stats] == [1, 0, 0, 0, 0, 0, 3]
    top = [(one.entity_id, one.name, one.type, one.mentions, one.before) for one in found.top_entities]
    assert top == [("tech:redis", "redis", "TECH", 6, 2), ("tech:docker", "docker", "TECH", 2, 0)]


def test_compressions_are_added_up_by_strategy(stores: AnalyticsStores):
    now = datetime.now(UTC)
    rows = [
        CompressionRow(now - timedelta(minutes=1), "c1", "hybrid", False, 10, 1000, 300, 0.8, 20.0),
        CompressionRow(now - timedelta(minutes=1), "c1", "hybrid", True, 10, 1000, 300, 0.6, 10.0),
        CompressionRow(now - timedelta(minutes=1), "c2", "window", False, 10, 500, 250, None, 5.0),
        CompressionRow(now - timedelta(days=9), "c2", "window", False, 10, 500, 250, None, 5.0),
    ]
    put(stores, "compression_stats", as_table("compression_stats", rows))
    found = operation.compressions(stores, "7d").value
    assert [(one.strategy, one.compressions, one.cached, one.ratio) for one in found.strategies] == [
        ("hybrid", 2, 1, 0.3),
        ("window", 1, 0, 0.5),
    ]
    assert found.strategies[0].avg_quality_score == pytest.approx(0.7)
    assert found.strategies[1].avg_quality_score is None
    assert (found.total.compressions, found.total.original_tokens, found.total.compressed_tokens) == (3, 2500, 850)


def test_the_rate_of_requests_is_that_of_the_last_minutes(stores: AnalyticsStores):
    now = datetime.now(UTC)
    rows = [RequestRow(now, f"r{n}", "GET", "/x", (500, 404, 200)[min(n, 2)], 10.0) for n in range(10)]
    old = [RequestRow(now - timedelta(minutes=30), "old", "GET", "/x", 200, 10.0)]
    put(stores, "usage_stats", as_table("usage_stats", rows + old))
    found = operation.system(stores).value
    assert (found.requests_per_minute, found.error_rate) == (2.0, 0.1)
    assert found.p95_duration_ms == pytest.approx(10, rel=0.01)


def test_each_query_says_in_the_log_of_the_server_whose_it_is(stores: AnalyticsStores):
    asked = stores.warehouse.ask(lambda client: client.query("SELECT getSetting('log_comment')").result_rows)
    assert asked == [("helix",)]
