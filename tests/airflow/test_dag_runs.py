"""`dag.test()` of every DAG with real `spark-submit` runs over a part of the sample corpus."""

import json
import time
from pathlib import Path
from typing import Any

import lakes
import pytest
from deltalake import DeltaTable
from graph_contents import hubs, opened

from helix_pipeline.catalog import DAGS, JOBS
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.spark
DAY = "2026-06-01"
EMPTY_DAY = "2021-01-01"


@pytest.fixture(scope="module")
def unfit_lake(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> str:
    """A lake whose debates have no turns: a job that reads them refuses."""
    folder = tmp_path_factory.mktemp("unfit")
    lines = (corpus / "events.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["event_type"].startswith("debate.")]
    (folder / "events.jsonl").write_text("".join(line for line in kept if '"debate.turn"' not in line))
    return lakes.build(folder / "lake", [folder / "events.jsonl"], LAKE_TABLES)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose stream is behind and fails."""
    folder = tmp_path_factory.mktemp("behind") / "streams"
    folder.mkdir()
    state = {"query": "lake_debates", "state": "failed", "lag": 9, "pid": 1, "error": "broker away"}
    (folder / "lake_debates.json").write_text(json.dumps(state | {"updated_at": time.time()}))
    return folder


@pytest.fixture(scope="module")
def runs(
    run_airflow: Any, lake_root: str, unfit_lake: str, streams: Path, settings: Settings
) -> dict[str, dict[str, Any]]:
    """All runs of this module, in one Airflow process; each name tells what is wanted."""
    job = {"job_type": "ContextCompression", "input": lake_root, "output": f"{lake_root}/../out", "date": None}
    wanted = {
        "conversation_intelligence": {"dag": "conversation_intelligence", "date": DAY},
        "a day without rows": {"dag": "conversation_intelligence", "date": EMPTY_DAY},
        "provider_intelligence": {"dag": "provider_intelligence"},
        "context_compression": {"dag": "context_compression"},
        "lake_maintenance": {"dag": "lake_maintenance"},
        "graph_upkeep": {"dag": "graph_upkeep", "environment": {"NEO4J_URI": settings.neo4j.address}},
        "stream_watch": {"dag": "stream_watch"},
        "spark_job": {"dag": "spark_job", "conf": job | {"options": {"budget": 50}}},
        "an unknown option": {"dag": "spark_job", "conf": job | {"options": {"nope": 1}}},
        "no lake": {"dag": "spark_job", "conf": job | {"input": f"{lake_root}/../nowhere", "options": {}}},
        "a refused job": {
            "dag": "spark_job",
            "conf": {"job_type": "DebateAnalysis", "input": unfit_lake, "output": unfit_lake, "options": {}},
        },
        "a failed stream": {"dag": "stream_watch", "environment": {"HELIX_HOME": str(streams.parent)}},
    }
    with opened(settings) as graph:
        graph.apply(0, hubs(1))
        found = run_airflow("dag_runs.py", json.dumps(list(wanted.values())), HELIX_LAKE_ROOT=lake_root)
    return dict(zip(wanted, found, strict=True))


@pytest.mark.parametrize("name", [dag.name for dag in DAGS])
def test_each_dag_succeeds_on_real_data(name: str, runs: dict[str, dict[str, Any]]) -> None:
    assert runs[name]["state"] == "success", runs[name]
    assert {task["state"] for task in runs[name]["tasks"].values()} == {"success"}, runs[name]


@pytest.mark.parametrize("job", [job for job in JOBS if job.reads], ids=lambda job: job.type)
def test_the_check_after_a_job_tells_what_the_record_of_its_run_says(
    job: Any, runs: dict[str, dict[str, Any]], lake_root: str
) -> None:
    run = runs[job.dag]
    rows = DeltaTable(f"{lake_root}/job_runs").to_pyarrow_table(filters=[("job", "=", job.type)]).to_pylist()
    (record,) = [row for row in rows if row["run_id"] == run["run_id"]]
    assert record["period"] == (DAY if job.dag == "conversation_intelligence" else "all")
    figures = run["tasks"][f"after_{job.type}"]["value"]
    assert (figures["rows_in"], figures["rows_out"]) == (record["rows_in"], record["rows_out"])
    assert record["rows_in"] > 0


def test_a_day_without_rows_is_skipped_and_no_failure(runs: dict[str, dict[str, Any]]) -> None:
    run = runs["a day without rows"]
    assert run["state"] == "success"
    assert run["tasks"]["before_EntityExtraction"]["state"] == "skipped"
    assert run["tasks"]["EntityExtraction"]["state"] == "skipped"


def test_the_single_job_runs_under_the_id_of_its_run_with_its_options(
    runs: dict[str, dict[str, Any]], lake_root: str
) -> None:
    records = DeltaTable(f"{lake_root}/../out/job_runs").to_pyarrow_table().to_pylist()
    assert [record["run_id"] for record in records] == [runs["spark_job"]["run_id"]]
    assert records[0]["job"] == "ContextCompression"
    assert records[0]["rows_out"] > 0, "no conversation of the corpus has fewer than 50 tokens"


@pytest.mark.parametrize("name", ["an unknown option", "no lake", "a refused job", "a failed stream"])
def test_what_a_retry_cannot_mend_fails_at_once(name: str, runs: dict[str, dict[str, Any]]) -> None:
    assert runs[name]["state"] == "failed"
    (task,) = runs[name]["tasks"].values()
    assert task["state"] == "failed", "up for retry would be wrong"
