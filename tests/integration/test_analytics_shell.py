"""`helix analytics` prints tables with sparklines, or JSON as the API answers; errors in one line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from analytics_events import events, put

from helix_pipeline.contracts.tables import LAKE_DEBATES, LAKE_PROVIDER_CALLS, LAKE_TABLES
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import write
from helix_pipeline.stores import lake, warehouse_migrations

pytestmark = pytest.mark.servers

ROWS = events(seed=5)


@pytest.fixture(scope="module")
def config(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("shell")
    changed = {
        "clickhouse": settings.clickhouse.model_copy(update={"database": f"h{uuid4().hex}"}),
        "lake": settings.lake.model_copy(update={"root": str(folder / "lake")}),
    }
    own = settings.model_copy(update=changed)
    warehouse_migrations.migrate(own)
    lake.create_tables(lake.open_lake(own), LAKE_TABLES)
    put(own, ROWS)
    write(own, folder / "settings.yaml")
    yield folder / "settings.yaml"


def helix(config: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helix_pipeline.cli", "analytics", *arguments, "--config", str(config)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "160"}
    )
    assert done.returncode == code, done.stderr
    return done


def test_providers_are_a_table_with_a_line_of_their_requests(config: Path):
    shown = helix(config, "providers", "--window", "1w").stdout
    assert "anthropic" in shown
    assert "█" in shown
    told = json.loads(helix(config, "providers", "--window", "1w", "--json").stdout)
    assert sum(one["total_requests"] for one in told["providers"]) == len(ROWS[LAKE_PROVIDER_CALLS])


def test_debates_show_who_wins_and_how_one_went(config: Path):
    ended = next(one for one in ROWS[LAKE_DEBATES] if one["event_type"] == "debate.completed" and one["winner"])
    winners = helix(config, "debates", "--window", "1w").stdout
    assert "debates ended" in winners
    assert "█" in winners
    assert json.loads(helix(config, "debates", "--json").stdout)["series"] is None
    shown = helix(config, "debates", ended["debate_id"]).stdout
    assert ended["topic"] in shown
    assert "★" in shown


def test_trends_show_each_day(config: Path):
    told = json.loads(helix(config, "trends", "--days", "5", "--json").stdout)
    assert len(told["daily_stats"]) == 5
    assert str(told["daily_stats"][-1]["date"]) in helix(config, "trends", "--days", "5").stdout


def test_errors_are_one_line(config: Path):
    assert "window '24'" in helix(config, "providers", "--window", "24", code=2).stderr
    assert "no debate 'nothing'" in helix(config, "debates", "nothing", code=1).stderr
