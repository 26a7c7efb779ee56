"""Kill -9 of Spark and of every server during a load: nothing is lost, nothing is there twice, counters included."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.servers
@pytest.mark.timeout(1200)
def test_every_store_agrees_after_kills_at_random_moments():
    done = subprocess.run(
        [sys.executable, "bench/chaos.py", "--rounds", "1", "--seed", "11"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads((ROOT / "bench" / "results" / "chaos.json").read_text())["rows"]
    points = {row["crash point"] for row in rows}
    assert points == {"spark", "replay", "clickhouse", "neo4j", "kafka", "everything"}
    for row in rows:
        assert (row["missing"], row["duplicate"], row["extra"]) == (0, 0, 0), row
        assert row["expected"] > 0 or row["store"] == "quarantine"
