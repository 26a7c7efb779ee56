"""Rollups hold what their tables hold: under replays, with late rows, after an interrupted migration."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.topics import DEBATES, PROVIDERS
from helix_pipeline.domain.analytics.named import NAMED
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import warehouse, warehouse_migrations

pytestmark = pytest.mark.servers

NOON = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)
NOW = datetime.now(UTC)


def calls(*at: datetime, latency_ms: float = 100.0, error_type: str | None = None) -> pa.Table:
    """Provider calls at these times, as the stream inserts them."""
    shared = {
        "schema_version": 1,
        "metadata": "{}",
        "event_type": "provider.called",
        "provider": "anthropic",
        "model": "claude",
        "latency_ms": latency_ms,
        "tokens_prompt": 10,
        "tokens_completion": 5,
        "success": error_type is None,
        "error_type": error_type,
        "cost": 0.5,
        "kafka_partition": 0,
        "ingested_at": NOW,
    }
    rows = [shared | {"event_id": uuid4().hex, "request_id": uuid4().hex, "timestamp": t} for t in at]
    return pa.Table.from_pylist(
        [row | {"kafka_offset": offset} for offset, row in enumerate(rows)], event_schema(PROVIDERS)
    )


def turns(*at: datetime, debate_id: str = "d") -> pa.Table:
    """Turns of a debate at these times, as the stream inserts them."""
    shared = {
        "schema_version": 1,
        "metadata": "{}",
        "event_type": "debate.turn",
        "debate_id": debate_id,
        "topic": "tea",
        "participants": [],
        "round": 1,
        "turn": 1,
        "participant": "A",
        "provider": "openai",
        "model": "gpt",
        "content": "yes",
        "response_time_ms": 250.0,
        "confidence": 0.5,
        "kafka_partition": 0,
        "ingested_at": NOW,
    }
    rows = [shared | {"event_id": uuid4().hex, "timestamp": t, "kafka_offset": i} for i, t in enumerate(at)]
    return pa.Table.from_pylist(rows, event_schema(DEBATES))


def minutes(house: Client, table: str = "provider_stats_minutely", sums: str = "sum(requests)") -> list[tuple]:
    return list(house.query(f"SELECT time, {sums} FROM {table} GROUP BY time ORDER BY time").result_rows)


def test_a_block_that_is_inserted_twice_changes_no_rollup(house: Client):
    block = calls(NOON, NOON + timedelta(seconds=10), NOON + timedelta(minutes=5), error_type="timeout")
    sums = (
        "sum(requests), sum(failures), sumMap(errors), sum(cost), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency)[1]"
    )
    warehouse.insert(house, "provider_metrics", block, "q/1/0/0")
    once = [minutes(house, f"provider_stats_{each}", sums) for each in ("minutely", "hourly", "daily")]
    warehouse.insert(house, "provider_metrics", block, "q/1/0/0")
    assert [minutes(house, f"provider_stats_{each}", sums) for each in ("minutely", "hourly", "daily")] == once
    assert [row[1:5] for row in once[1]] == [row[1:5] for row in once[2]] == [(3, 3, {"timeout": 3}, 1.5)]
    assert [row[1] for row in once[0]] == [2, 1]


def test_equal_rows_of_another_block_count_again(house: Client):
    block = calls(NOON)
    warehouse.insert(house, "provider_metrics", block, "q/1/0/0")
    warehouse.insert(house, "provider_metrics", block, "q/2/0/0")
    assert [row[1] for row in minutes(house)] == [2]


def test_a_late_row_counts_in_the_minute_of_its_own_time(house: Client):
    warehouse.insert(house, "provider_metrics", calls(NOON + timedelta(hours=3)), "q/1/0/0")
    warehouse.insert(house, "provider_metrics", calls(NOON), "q/2/0/1")
    noon = NOON.replace(second=0, tzinfo=None)
    assert minutes(house) == [(noon, 1), (noon + timedelta(hours=3), 1)]
    assert [row[1] for row in minutes(house, "provider_stats_hourly")] == [1, 1]
    assert [row[1] for row in minutes(house, "provider_stats_daily")] == [2]


def test_a_replayed_block_of_turns_changes_neither_view_nor_the_view_of_the_view(house: Client):
    block = turns(NOON, NOON + timedelta(minutes=1))
    for _ in range(2):
        warehouse.insert(house, "debate_events", block, "q/1/0/0")
    assert house.query("SELECT count() FROM debate_metrics").result_rows == [(2,)]
    for table in ("debate_stats_minutely", "debate_stats_hourly", "debate_stats_daily"):
        sums = "sum(turns), sum(response_time_ms), sum(rated), uniqCombinedMerge(12)(debates)"
        found = minutes(house, table, sums)
        assert [sum(row[1] for row in found), sum(row[2] for row in found)] == [2, 500.0]


def named(*entities: str) -> pa.Table:
    """What one message names, as the stream inserts it."""
    shared = {
        "timestamp": NOON,
        "conversation_id": "c",
        "message_id": "m",
        "type": "TECH",
        "subtype": "",
        "mentions": 2,
        "entities_per_message": len(entities),
        "ingested_at": NOW,
    }
    return pa.Table.from_pylist([shared | {"entity_id": f"tech:{one}", "name": one} for one in entities], NAMED)


ENTITIES = {
    "entity_stats_hourly": "sum(extractions), sum(mentions), sum(messages), uniqCombinedMerge(12)(entities)",
    "entity_types_daily": "sum(extractions), sum(mentions), sum(messages), uniqCombinedMerge(12)(entities)",
    "entity_stats_daily": "sum(messages), sum(mentions), uniqExact(entity_id), uniqExact(entity)",
    "entity_history": "uniqExact(entity), sum(mentions), min(name), max(entity_id)",
}


def counted(house: Client) -> dict[str, tuple]:
    return {table: house.query(f"SELECT {sums} FROM {table}").result_rows[0] for table, sums in ENTITIES.items()}


def test_a_replayed_block_of_entities_changes_none_of_their_tables(house: Client):
    for _ in range(2):
        warehouse.insert(house, "entity_extraction_metrics", named("docker", "redis"), "q/1/0/0")
    once = counted(house)
    assert once == {
        "entity_stats_hourly": (2, 4, 1.0, 2),
        "entity_types_daily": (2, 4, 1.0, 2),
        "entity_stats_daily": (2, 4, 2, 2),
        "entity_history": (2, 4, "docker", "tech:redis"),
    }
    same = "SELECT count() FROM entity_history AS h INNER JOIN entity_stats_daily AS d USING (entity, entity_id)"
    assert house.query(same).result_rows == [(2,)]
    warehouse.insert(house, "entity_extraction_metrics", named("docker", "redis"), "q/2/0/0")
    assert all(counted(house)[table][1] == 2 * sums[1] for table, sums in once.items())


def test_a_view_that_an_interrupted_insert_missed_is_completed_by_the_replay(house: Client):
    block = calls(NOON)
    house.command("DROP VIEW provider_stats_by_hour")
    warehouse.insert(house, "provider_metrics", block, "q/1/0/0")
    assert minutes(house, "provider_stats_hourly") == []
    _make_again(house, "provider_stats_by_hour")
    warehouse.insert(house, "provider_metrics", block, "q/1/0/0")
    assert [row[1] for row in minutes(house, "provider_stats_hourly")] == [1]
    assert [row[1] for row in minutes(house)] == [1]
    assert house.query("SELECT count() FROM provider_metrics").result_rows == [(1,)]


def test_views_begin_with_what_their_tables_held_before_the_migration(house: Client):
    settings = load(environ={}, flags={"clickhouse.database": house.database})
    warehouse.insert(house, "provider_metrics", calls(NOON, NOON + timedelta(hours=1)), "q/1/0/0")
    warehouse.insert(house, "debate_events", turns(NOON), "q/1/0/0")
    warehouse.insert(house, "entity_extraction_metrics", named("docker", "redis"), "q/1/0/0")
    whole, entities = {target: minutes(house, target, "count()") for target in _rollups(settings)}, counted(house)
    for migration in warehouse_migrations.migrations(settings)[2:]:
        for view, target in migration.views:
            house.command(f"TRUNCATE TABLE {target}")
            warehouse_migrations.refill(house, view, target)
    assert {target: minutes(house, target, "count()") for target in _rollups(settings)} == whole
    assert counted(house) == entities
    assert len(whole) == 6
    assert all(whole.values())


def _make_again(house: Client, view: str) -> None:
    every = warehouse_migrations.migrations(load(environ={}))
    house.command(next(text for one in every for text in one.statements if f"EXISTS {view} " in text))


def _rollups(settings: Settings) -> list[str]:
    every = warehouse_migrations.migrations(settings)
    return [target for one in every for _, target in one.views if target.startswith(("provider", "debate_stats"))]
