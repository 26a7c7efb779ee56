"""`helix retention`: what is wanted and found of each store, and bringing Kafka and ClickHouse in line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from graph_contents import opened
from typer.testing import CliRunner, Result

from helix_pipeline.cli import app
from helix_pipeline.contracts.topics import DEADLETTER, TOPICS
from helix_pipeline.errors import StoreError
from helix_pipeline.services.retention import apply, retention
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.settings_sections import FeatureSettings, RetentionSettings
from helix_pipeline.stores import bus, warehouse

WITH_TTL = {"conversation_messages", "debate_events", "provider_metrics", "debate_stats_hourly", "usage_stats_minutely"}
ROWS = """
INSERT INTO usage_stats (timestamp, route, method, status, duration_ms)
SELECT now() - toIntervalDay(number), '/retention', 'GET', 200, 1 FROM numbers(80)
"""
LEFT = "SELECT max(dateDiff('day', timestamp, now())) FROM usage_stats WHERE route = '/retention'"
MUTATING = "SELECT count() FROM system.mutations WHERE table = 'usage_stats' AND NOT is_done"


@pytest.fixture
def other(settings: Settings) -> Iterator[Settings]:
    """The session's servers, of which other times are wanted; in the end they are as they were."""
    wanted = RetentionSettings(kafka_hours=99, clickhouse_days=30, graph_days=10)
    yield settings.model_copy(update={"retention": wanted})
    apply(settings)


@pytest.fixture
def helix(tmp_path: Path) -> Callable[[Settings, str], Result]:
    """Run `helix retention …` with these settings."""

    def run(settings: Settings, *arguments: str) -> Result:
        write(settings, tmp_path / "settings.yaml")
        environment = variables(settings, tmp_path / "settings.yaml")
        return CliRunner().invoke(app, ["retention", *arguments], env=environment)

    return run


def test_a_new_installation_is_in_line(settings: Settings) -> None:
    found = {one.part: one for one in retention(settings)}
    assert {one.state for one in found.values() if one.store != "neo4j"} == {"in line"}
    assert {topic.name for topic in TOPICS} | WITH_TTL | {"entities"} <= set(found)
    assert found[DEADLETTER.name].found == 4 * 168
    assert found["debate_events"].found == 90
    assert "stream_progress" not in found


def test_topics_and_tables_are_brought_in_line_once(other: Settings, helix: Callable[..., Result]) -> None:
    before = json.loads(helix(other, "show", "--json").stdout)
    assert {one["state"] for one in before if one["store"] != "neo4j"} == {"differs"}
    changed = helix(other, "apply")
    assert changed.exit_code == 0
    assert "kafka helixagent.deadletter: 672 hours -> 396 hours" in changed.stdout
    assert "clickhouse usage_stats: 90 days -> 30 days" in changed.stdout
    assert set(bus.retention_ms(other).values()) == {99 * 3_600_000, 4 * 99 * 3_600_000}
    after = {one.part: one for one in retention(other) if one.store != "neo4j"}
    assert {one.state for one in after.values()} == {"in line"}
    assert {one.found for one in after.values() if one.store == "clickhouse"} == {30}
    assert "in line" in helix(other, "apply").stdout
    assert json.loads(helix(other, "apply", "--json").stdout) == []


def test_every_table_keeps_the_column_that_its_time_counts_from(settings: Settings, other: Settings) -> None:
    engines = "SELECT name, replaceRegexpOne(engine_full, ' SETTINGS .*', '') FROM system.tables \
        WHERE database = currentDatabase() AND engine_full LIKE '% TTL %' ORDER BY name"
    with warehouse.client(warehouse.open_warehouse(settings)) as connection:
        before = connection.query(engines).result_rows
        apply(other)
        after = connection.query(engines).result_rows
    assert after == [(name, engine.replace("toIntervalDay(90)", "toIntervalDay(30)")) for name, engine in before]
    assert after != before


def test_rows_that_are_there_leave_after_the_shorter_time(settings: Settings, other: Settings) -> None:
    with warehouse.client(warehouse.open_warehouse(settings)) as connection:
        connection.command(ROWS)
        assert connection.command(LEFT) == 79
        apply(other)
        while connection.command(MUTATING):
            pass
        connection.command("OPTIMIZE TABLE usage_stats FINAL")
        assert connection.command(LEFT) in (29, 30)
        connection.command("ALTER TABLE usage_stats DELETE WHERE route = '/retention' SETTINGS mutations_sync = 1")


def test_a_topic_that_keeps_for_ever_is_shown_and_brought_in_line(
    settings: Settings, helix: Callable[..., Result]
) -> None:
    for_ever = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, TOPICS[0].name, incremental_configs=[for_ever])
    admin = AdminClient({"bootstrap.servers": settings.kafka.address})
    admin.incremental_alter_configs([topic])[topic].result(30)
    rows = helix(settings, "show").stdout.splitlines()
    assert next(row.split() for row in rows if TOPICS[0].name in row)[2:] == ["168", "hours", "for", "ever", "differs"]
    (changed,) = apply(settings)
    assert (changed.part, changed.found, changed.wanted) == (TOPICS[0].name, None, 168)


def test_the_graph_says_when_entities_are_due(settings: Settings, other: Settings) -> None:
    with opened(settings) as contents:
        contents.empty()
        contents.driver.execute_query(
            "UNWIND [0, 12] AS days CREATE (:Entity {id: 'retention-' + days,"
            " last_seen: datetime('2126-06-20T00:00:00Z') - duration({days: days})})"
        )
        due = retention(other)[-1]
        contents.driver.execute_query(
            "MATCH (e:Entity {id: 'retention-12'}) SET e.restored_at = e.last_seen + duration('P5D')"
        )
        restored = retention(other)[-1]
    assert (due.store, due.wanted, due.found, due.state) == ("neo4j", 10, 12, "due")
    assert (restored.found, restored.state) == (7, "in line")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"kafka": {"bootstrap_servers": "127.0.0.1:1"}}, "Kafka"),
        ({"clickhouse": {"host": "127.0.0.1", "port": 1}}, "ClickHouse"),
        ({"neo4j": {"uri": "bolt://127.0.0.1:1"}}, "Neo4j"),
    ],
)
def test_a_store_that_is_away_is_one_line_and_nothing_changes(
    other: Settings, change: dict[str, dict[str, object]], name: str
) -> None:
    parts = {key: getattr(other, key).model_copy(update=values) for key, values in change.items()}
    with pytest.raises(StoreError, match=rf"^{name} at .*127\.0\.0\.1:1\b.*$"):
        apply(other.model_copy(update=parts))
    assert {one.state for one in retention(other) if one.store != "neo4j"} == {"differs"}


def test_stores_of_components_that_are_off_are_left_alone(settings: Settings) -> None:
    off = FeatureSettings(analytics=False, infinite_context=False, knowledge_graph=False)
    assert {one.store for one in retention(settings.model_copy(update={"features": off}))} == {"kafka"}


def test_a_bad_setting_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"bigdata": {"retention": {"kafka_hours": 0}}}))
    failed = CliRunner().invoke(app, ["retention", "show", "--config", str(path)])
    assert failed.exception is not None and getattr(failed.exception, "exit_code", None) == 2
