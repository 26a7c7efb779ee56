"""What holds for every DAG, and that they are those of the catalogue. One Airflow process answers all questions."""

from pathlib import Path
from typing import Any

import pytest

from helix_pipeline.catalog import DAGS, JOBS

ROOT = Path(__file__).parents[2]
NAMES = [dag.name for dag in DAGS]
IMPORT_LIMIT_S = 0.3
"""CPU seconds beside Airflow itself: the first file of a process takes half of it, the others next to nothing."""


@pytest.fixture(scope="module")
def facts(run_airflow: Any) -> dict[str, Any]:
    return run_airflow("dag_facts.py")


@pytest.fixture(params=NAMES)
def dag(request: pytest.FixtureRequest, facts: dict[str, Any]) -> dict[str, Any]:
    return facts["dags"][request.param]


def tasks(dag: dict[str, Any]) -> list[dict[str, Any]]:
    return list(dag["tasks"].values())


def test_every_file_imports_and_the_dags_are_those_of_the_catalogue(facts: dict[str, Any]) -> None:
    assert facts["errors"] == {}
    assert sorted(facts["dags"]) == sorted(NAMES)
    assert sorted(path.stem for path in (ROOT / "dags").glob("*.py")) == sorted(NAMES)


def test_reading_the_dags_is_quick_and_loads_no_spark_and_no_driver(facts: dict[str, Any]) -> None:
    assert facts["heavy"] == []
    assert max(facts["seconds"].values()) < IMPORT_LIMIT_S, facts["seconds"]


def test_each_job_belongs_to_a_dag_that_exists() -> None:
    assert {job.dag for job in JOBS} <= set(NAMES)
    for job in JOBS:
        assert {other.type for other in JOBS if other.dag == job.dag} >= set(job.after), job.type


def test_a_dag_says_what_it_is_and_when_it_runs(dag: dict[str, Any]) -> None:
    assert "helix" in dag["tags"]
    assert dag["doc_md"].startswith("### ")
    assert dag["schedule"] in {"CronDataIntervalTimetable", "AssetTriggeredTimetable", "NullTimetable"}
    assert dag["start"].endswith("+00:00")
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1


def test_a_run_ends(dag: dict[str, Any]) -> None:
    assert dag["timeout_s"] or dag["schedule"] == "NullTimetable"
    assert all(task["timeout_s"] for task in tasks(dag))
    assert dag["timeout_s"] is None or dag["timeout_s"] >= max(task["timeout_s"] for task in tasks(dag))


def test_a_task_has_an_owner_retries_with_backoff_and_an_alert(dag: dict[str, Any]) -> None:
    assert tasks(dag)
    for task in tasks(dag):
        assert (task["owner"], task["retries"], task["backoff"], task["alerts"]) == ("data-platform", 2, 2.0, True)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.type)
def test_a_job_is_a_task_between_its_checks_after_those_it_depends_on(job: Any, facts: dict[str, Any]) -> None:
    found = facts["dags"][job.dag]["tasks"]
    assert found[job.type]["pool"] == "spark"
    assert found[job.type]["timeout_s"] == job.timeout_minutes * 60
    before = {f"before_{job.type}"} & found.keys()
    assert set(found[job.type]["upstream"]) == before | {f"after_{name}" for name in job.after}
    assert found[f"after_{job.type}"]["upstream"] == [job.type]
    assert found[f"after_{job.type}"]["outlets"] == [f"lake/{table}" for table in job.writes]


def test_only_jobs_that_read_what_streams_write_are_checked_before(facts: dict[str, Any]) -> None:
    found = {task for dag in facts["dags"].values() for task in dag["tasks"]}
    checked = {job.type for job in JOBS if f"before_{job.type}" in found}
    streams = {"conversations", "debates", "provider_calls"}
    assert checked == {job.type for job in JOBS if streams & set(job.reads)}


def test_tables_that_start_a_dag_are_written_by_another() -> None:
    for dag in DAGS:
        for table in dag.updated_by:
            assert [job.dag for job in JOBS if table in job.writes] not in ([], [dag.name])


def test_the_single_job_takes_what_the_job_api_sends(facts: dict[str, Any]) -> None:
    dag = facts["dags"]["spark_job"]
    assert dag["params"] == ["date", "input", "job_type", "options", "output"]
    assert list(dag["tasks"]) == ["submit"]
    assert dag["tasks"]["submit"]["timeout_s"] == max(job.timeout_minutes for job in JOBS) * 60
