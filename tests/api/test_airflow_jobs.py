"""Jobs over HTTP with the backend `airflow`: real runs of the DAG `spark_job` in a live Airflow."""

from collections.abc import Iterator
from itertools import pairwise

import httpx
import psutil
import pytest
from api_process import Api, processes, running, wait_for
from ports import free_ports

from helix_pipeline.local.airflow import AirflowServer, password
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import Jobs

pytestmark = pytest.mark.servers

JOB_S = 420


@pytest.fixture(scope="module")
def airflow_settings(api_settings: Settings) -> Iterator[Settings]:
    """Settings with a running Airflow whose own schedules rest."""
    airflow_port, api_port = free_ports(2)
    changed = {
        "airflow": api_settings.airflow.model_copy(update={"port": airflow_port, "url": None}),
        "api": api_settings.api.model_copy(update={"port": api_port}),
        "jobs": api_settings.jobs.model_copy(update={"backend": "airflow"}),
        "home": api_settings.home / "with_airflow",
    }
    made = api_settings.model_copy(update=changed)
    made.home.mkdir()
    server = AirflowServer(made)
    try:
        server.start(lambda doing: None)
        rest_schedules(made)
        yield made
    finally:
        server.stop()


def rest_schedules(settings: Settings) -> None:
    """Pause every DAG but `spark_job`, and end what was begun: their runs would take its places."""
    with httpx.Client(base_url=settings.airflow.address, timeout=30) as client:
        user = {"username": settings.airflow.username, "password": password(settings)}
        token = client.post("/auth/token", json=user).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        wait_for(lambda: client.get("/api/v2/dags/spark_job").is_success, 120, "the DAG spark_job")
        for dag in client.get("/api/v2/dags").json()["dags"]:
            if dag["dag_id"] == "spark_job":
                continue
            place = f"/api/v2/dags/{dag['dag_id']}"
            client.patch(place, json={"is_paused": True}).raise_for_status()
            for run in client.get(f"{place}/dagRuns").json()["dag_runs"]:
                if run["state"] in ("queued", "running"):
                    client.patch(f"{place}/dagRuns/{run['dag_run_id']}", json={"state": "failed"})


@pytest.fixture
def api(airflow_settings: Settings) -> Iterator[Api]:
    with running(Api(airflow_settings)) as found:
        yield found


def test_a_job_runs_in_airflow_and_its_process_reports(api: Api) -> None:
    job_id = api.submit()
    seen = api.until(job_id, lambda status: False, JOB_S)
    last, progress = seen[-1], [status["progress"] for status in seen]
    assert (last["status"], last["progress"], last["backend"]) == ("succeeded", 1.0, "airflow"), last
    assert all(before <= after for before, after in pairwise(progress))
    assert len({share for share in progress if 0 < share < 1}) > 1
    assert (last["rows_processed"], last["failed_calls"]) == (50, 2)
    assert f'"run_id": "{job_id}"' in api.log(job_id)
    assert api.ask("GET", f"jobs/{job_id}/result").json()["record"]["run_id"] == job_id


def test_cancelling_ends_spark_in_the_task(api: Api) -> None:
    job_id = api.submit()
    jobs = Jobs(api.settings)
    wait_for(lambda: has_process(jobs, job_id), JOB_S, "the driver")
    started = processes(job_id)
    assert any(process.name() == "java" for process in started)
    answer = api.ask("DELETE", f"jobs/{job_id}")
    last = api.until(job_id, lambda status: False, 60)[-1]
    assert answer.status_code in (200, 202)
    assert (last["status"], last["error"]) == ("cancelled", None)
    wait_for(lambda: not [process for process in started if alive(process)], 30, "Spark to end")


def test_what_the_job_refuses_is_not_tried_again(api: Api) -> None:
    job_id = api.submit(input_path=f"{api.settings.lake_root}/nothing")
    last = api.until(job_id, lambda status: False, JOB_S)[-1]
    assert (last["status"], last["exit_code"]) == ("failed", 2)
    assert "no lake table at" in last["error"]


def has_process(jobs: Jobs, job_id: str) -> bool:
    job = jobs.get(job_id)
    return job is not None and job.pid is not None


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
