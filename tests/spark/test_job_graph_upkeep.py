"""GraphUpkeep by spark-submit on a small graph and lake: what it sets, its row in `job_runs`, JSON line, exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from cluster import ROOT, SPARK
from conversation_lake import written
from deltalake import write_deltalake
from graph_contents import START, Contents, claims, hubs, mention, opened, said
from ports import free_ports

from helix_pipeline.local.jars import spark_jars
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.stores.graph_folders import folders
from helix_pipeline.stores.graph_memory import load_newest
from helix_pipeline.stores.lake import Lake

pytestmark = [pytest.mark.spark, pytest.mark.servers]

JOB_S = 240
ALIAS = {"entity_id": "e1", "into_id": "e2", "reason": "spelling", "confidence": 0.9, "period": "all"}


@pytest.fixture
def contents(settings: Settings) -> Iterator[Contents]:
    """A graph whose entities were named on one day, and one that was named 40 days before."""
    with opened(settings) as found:
        old = said([("c-old", "u1", 0)], [mention(0, "old", "Old")])
        earlier = {name: pc.subtract(old[name], 40 * 86_400_000) for name in ("first", "last")}
        for name, column in earlier.items():
            old = old.set_column(old.schema.get_field_index(name), name, column)
        found.apply(0, old, hubs(5, 60, 20), claims(range(40)))
        yield found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in which the jobs before have found that two entities are one."""
    made = Lake(str(tmp_path / "lake"))
    write_deltalake(made.uri("entity_aliases"), pa.Table.from_pylist([ALIAS]))
    return made


def submit(settings: Settings, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the entry point with spark-submit as a user does."""
    options = ["--properties-file", str(ROOT / "spark-conf" / "spark-defaults.conf"), "--driver-memory", "1g"]
    options += ["--jars", spark_jars(settings.lake_root)]
    for key in ("spark.pyspark.python", "spark.pyspark.driver.python"):
        options += ["--conf", f"{key}={sys.executable}"]
    write(settings, folder / "settings.yaml")
    environ = {**os.environ, **variables(settings, folder / "settings.yaml")}
    environ |= {"PYTHONPATH": str(ROOT), "SPARK_HOME": str(SPARK)}
    command = [str(SPARK / "bin" / "spark-submit"), *options, str(ROOT / "jobs" / "graph_upkeep.py"), *arguments]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=JOB_S, check=False)


def figures(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {f"{row['part']}_{row['figure']}": row["value"] for row in rows}


def test_the_graph_is_refreshed_archived_and_kept(
    contents: Contents, lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    place = ("--input", lake.root, "--output", lake.root, "--archive-after-days", "30")
    done = submit(settings, tmp_path, *place)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    [entities] = contents.ask("MATCH (e:Entity) RETURN count(e)")[0]
    assert (record["job"], record["status"], record["rejected"]) == ("GraphUpkeep", "succeeded", 0)
    assert record["rows_in"] == entities + 1
    found = figures(written(lake.root, "graph_upkeep"))
    assert record["rows_out"] == len(found)
    assert {name: record["metrics"][name] for name in found} == found
    assert (found["archive_entities"], found["snapshot_entities"]) == (1, entities)
    assert (found["refresh_entity_aliases_set"], record["metrics"]["snapshot_complete"]) == (1, 1)
    [kept] = written(lake.root, "job_runs")
    assert {name: kept[name] for name in ("run_id", "job", "status", "rows_in", "reason")} == {
        name: record[name] for name in ("run_id", "job", "status", "rows_in", "reason")
    }
    assert json.loads(kept["metrics"]) == record["metrics"]
    assert contents.ask("MATCH (a)-[:SAME_AS]->(e) RETURN a.id, e.id") == [["e1", "e2"]]
    assert contents.ask("MATCH (e:Entity {id: 'old'}) RETURN e") == [] and len(folders(lake, "archive")) == 1
    related = load_newest(lake).related("e2", 1, 5, (), START + timedelta(days=1))
    assert load_newest(lake).find("old") is None and related


def test_without_neo4j_it_fails_in_one_line(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    neo4j = settings.neo4j.model_copy(update={"uri": f"bolt://127.0.0.1:{free_ports(1)[0]}", "timeout_s": 2.0})
    own = settings.model_copy(update={"neo4j": neo4j})
    done = submit(own, tmp_path, "--input", lake.root, "--output", lake.root)
    [line] = done.stdout.splitlines()
    assert done.returncode == 1 and line.startswith(f"graph_upkeep: Neo4j at {neo4j.uri}: ")
    assert "Traceback" not in done.stderr and not Path(lake.root, "job_runs").exists()
