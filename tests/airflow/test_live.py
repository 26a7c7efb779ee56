"""A real Airflow, as `helix up airflow` starts it: a job by REST from submit to record, a cancelled one, and down."""

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from deltalake import DeltaTable
from ports import free_ports

from helix_pipeline.catalog import DAGS
from helix_pipeline.local import servers
from helix_pipeline.local.airflow import password
from helix_pipeline.settings import Settings, load

pytestmark = [pytest.mark.servers, pytest.mark.spark]
DAY = "2026-06-01"
WAIT_S = 400
SUBMIT = "/api/v2/dags/spark_job/dagRuns"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, lake_root: str) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("live")
    home.parent.parent.chmod(0o755)
    airflow, postgres = free_ports(2)
    flags = {"home": home, "airflow.port": airflow, "postgres.port": postgres, "lake.root": lake_root}
    made = load(environ={}, flags=flags)
    try:
        servers.up(made, ["airflow"])
        yield made
    finally:
        servers.down(made)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    """The REST API as the admin; the scheduled DAGs are paused, so that only the runs of the tests take time."""
    user = {"username": settings.airflow.username, "password": password(settings)}
    with httpx.Client(base_url=settings.airflow.address, timeout=60) as made:
        made.headers["Authorization"] = f"Bearer {made.post('/auth/token', json=user).json()['access_token']}"
        for dag in DAGS:
            wait(lambda name=dag.name: made.get(f"/api/v2/dags/{name}").status_code == 200)
            if dag.name != "spark_job":
                made.patch(f"/api/v2/dags/{dag.name}", json={"is_paused": True}).raise_for_status()
        yield made


def wait(condition: Any, timeout_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.5)


def submit(client: httpx.Client, job_id: str, root: str, output: Path) -> httpx.Response:
    conf = {"job_type": "EntityExtraction", "input": root, "output": str(output), "date": DAY, "options": {}}
    return client.post(SUBMIT, json={"dag_run_id": job_id, "logical_date": None, "conf": conf})


def family(settings: Settings) -> list[psutil.Process]:
    (status,) = servers.status(settings, ["airflow"])
    assert status.pid is not None
    return [psutil.Process(status.pid), *psutil.Process(status.pid).children(recursive=True)]


def programs(settings: Settings, job_id: str) -> list[str]:
    """The programs that run for a job at this moment."""
    found = []
    for process in family(settings):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            if job_id in process.cmdline():
                found.append(process.name())
    return found


def test_it_runs_and_is_shown(settings: Settings) -> None:
    names = [server.name for server in servers.status(settings)]
    assert names == ["kafka", "clickhouse", "neo4j", "postgres", "airflow"]
    (status,) = servers.status(settings, ["airflow"])
    assert (status.state, status.address) == ("running", f"http://127.0.0.1:{settings.airflow.port}")
    assert status.version.startswith("3.")


def test_all_its_parts_listen_on_loopback_only(settings: Settings, client: httpx.Client) -> None:
    found = [
        one.laddr for process in family(settings) for one in process.net_connections("tcp") if one.status == "LISTEN"
    ]
    assert {address.ip for address in found} == {"127.0.0.1"}
    assert {address.port for address in found} == {settings.airflow.port}


def test_nobody_else_can_read_its_secrets(settings: Settings) -> None:
    folder = settings.home / "airflow"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("passwords.json", "secrets.json", "helix.yaml"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    known = [*json.loads((folder / "secrets.json").read_text()).values(), password(settings)]
    commands = [" ".join(process.cmdline()) for process in family(settings) if process.status() != psutil.STATUS_ZOMBIE]
    assert not [secret for secret in known if any(secret in command for command in commands)]


def test_without_a_token_nothing_is_told(settings: Settings) -> None:
    assert httpx.get(f"{settings.airflow.address}/api/v2/dags", timeout=30).status_code == 401


def test_a_job_goes_from_submit_to_its_record(client: httpx.Client, lake_root: str, tmp_path: Path) -> None:
    assert submit(client, "job-one", lake_root, tmp_path).status_code == 200
    assert submit(client, "job-one", lake_root, tmp_path).status_code == 409, "a known id must not run twice"
    wait(lambda: client.get(f"{SUBMIT}/job-one").json()["state"] in ("success", "failed"))
    log = client.get(f"{SUBMIT}/job-one/taskInstances/submit/logs/1", headers={"Accept": "application/x-ndjson"}).text
    assert client.get(f"{SUBMIT}/job-one").json()["state"] == "success", log[-3000:]
    (record,) = DeltaTable(str(tmp_path / "job_runs")).to_pyarrow_table().to_pylist()
    assert (record["run_id"], record["job"], record["status"]) == ("job-one", "EntityExtraction", "succeeded")
    assert record["rows_in"] > 0
    assert "--run-id job-one" in log


def test_a_job_of_an_unknown_type_is_refused(client: httpx.Client) -> None:
    conf = {"job_type": "Nope", "input": "x", "output": "y"}
    answer = client.post(SUBMIT, json={"dag_run_id": "job-nope", "logical_date": None, "conf": conf})
    assert answer.status_code == 400
    assert "Nope" in answer.text


def test_a_cancelled_job_ends_its_processes(
    client: httpx.Client, settings: Settings, lake_root: str, tmp_path: Path
) -> None:
    submit(client, "job-two", lake_root, tmp_path)
    wait(lambda: "java" in programs(settings, "job-two"))
    client.patch(f"{SUBMIT}/job-two", json={"state": "failed"}).raise_for_status()
    wait(lambda: not programs(settings, "job-two"), 120)
    assert not (tmp_path / "job_runs").exists()


def test_down_stops_all_of_it_in_the_middle_of_a_job(
    client: httpx.Client, settings: Settings, lake_root: str, tmp_path: Path
) -> None:
    submit(client, "job-three", lake_root, tmp_path)
    wait(lambda: "java" in programs(settings, "job-three"))
    running = family(settings)
    (status,) = servers.down(settings, ["airflow"])
    assert status.state == "stopped"
    gone, alive = psutil.wait_procs(running, timeout=20)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE], gone
    assert "airflow" not in [server.name for server in servers.status(settings)]


def test_plain_up_does_not_name_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "helix_pipeline.cli", "status", "--json", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [server["name"] for server in json.loads(done.stdout)["servers"]] == [
        "kafka",
        "clickhouse",
        "neo4j",
        "postgres",
    ]
