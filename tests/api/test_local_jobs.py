"""Jobs over HTTP with the backend `local`: a real `spark-submit` of ProviderPerformance on a small lake."""

import os
import signal
from itertools import pairwise
from uuid import uuid4

import psutil
import pytest
from api_process import Api, processes, wait_for

from helix_pipeline.stores.postgres import connect

pytestmark = pytest.mark.servers

CALLS = 50
JOB_S = 240
GONE_S = 30


def test_a_job_runs_to_its_result_while_the_api_is_killed_and_comes_back(api: Api) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    answer = api.ask("POST", "jobs", json={"job_type": "ProviderPerformance"}, headers=key)
    job_id = answer.json()["job_id"]
    assert answer.headers["location"] == answer.json()["links"]["status"] == f"/v1/spark/jobs/{job_id}/status"
    seen = api.until(job_id, lambda status: status["progress"] > 0, JOB_S)
    assert seen[-1]["status"] == "running"
    api.stop(signal.SIGKILL)
    assert processes(job_id)
    api.start()
    seen += api.until(job_id, lambda status: False, JOB_S)

    progress = [status["progress"] for status in seen]
    assert all(before <= after for before, after in pairwise(progress))
    assert progress[0] == 0
    assert len({share for share in progress if 0 < share < 1}) > 1
    last = seen[-1]
    assert (last["status"], last["progress"], last["exit_code"], last["error"]) == ("succeeded", 1.0, 0, None), last
    assert last["rows_processed"] == CALLS
    assert last["failed_calls"] == 2
    assert last["stages"] > 0
    assert last["started_at"] < last["ended_at"]

    result = api.ask("GET", f"jobs/{job_id}/result", params={"rows": 1}).json()
    table = next(table for table in result["tables"] if table["name"] == "provider_performance")
    assert result["record"]["run_id"] == job_id
    assert table["path"] == f"{api.settings.lake_root}/provider_performance"
    assert [(row["model"], row["requests"]) for row in table["rows"]] == [("large", CALLS)]
    assert f'"run_id": "{job_id}"' in api.log(job_id).splitlines()[-1]
    again = api.ask("POST", "jobs", json={"job_type": "ProviderPerformance"}, headers=key)
    assert again.json()["job_id"] == job_id
    assert api.ask("DELETE", f"jobs/{job_id}").status_code == 409
    assert wait_gone(job_id)


def test_cancelling_ends_every_process_and_frees_the_place_of_the_next(api: Api) -> None:
    job_id, following = api.submit(), api.submit(input_path=f"{api.settings.lake_root}/nothing")
    wait_for(lambda: any(process.name() == "java" for process in processes(job_id)), 60, "the JVM")
    assert api.status(following)["status"] == "queued"
    answer = api.ask("DELETE", f"jobs/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    assert not processes(job_id)
    assert api.ask("DELETE", f"jobs/{job_id}").json()["ended_at"] == answer.json()["ended_at"]

    last = api.until(following, lambda status: False, JOB_S)[-1]
    assert (last["status"], last["exit_code"]) == ("failed", 2)
    assert "no lake table at" in last["error"]
    refused = api.ask("GET", f"jobs/{following}/result")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:helix:problem:wrong-state")


def test_a_queued_job_is_cancelled_without_having_run(api: Api) -> None:
    first, second = api.submit(), api.submit()
    answer = api.ask("DELETE", f"jobs/{second}").json()
    assert (answer["status"], answer["started_at"]) == ("cancelled", None)
    assert not processes(second)
    assert api.ask("DELETE", f"jobs/{first}").json()["status"] == "cancelled"


def test_a_job_whose_processes_vanish_has_failed(api: Api) -> None:
    job_id = api.submit()
    wait_for(lambda: len(processes(job_id)) > 1, 60, "its processes")
    for process in processes(job_id):
        kill(process)
    last = api.until(job_id, lambda status: False, GONE_S)[-1]
    assert last["status"] == "failed"
    assert "vanished without an exit code" in last["error"]


def test_a_job_that_takes_longer_than_its_limit_is_ended(api: Api) -> None:
    job_id = api.submit()
    wait_for(lambda: api.status(job_id)["status"] == "running", 60, "the job to run")
    with connect(api.settings, "test") as connection:
        connection.execute("UPDATE spark_job SET started_at = now() - interval '9 days' WHERE id = %s", (job_id,))
    last = api.until(job_id, lambda status: False, GONE_S)[-1]
    assert (last["status"], last["exit_code"]) == ("failed", 1)
    assert "took longer than" in last["error"]
    assert not processes(job_id)


def test_term_ends_the_api_and_not_its_jobs(api: Api) -> None:
    job_id = api.submit()
    wait_for(lambda: bool(processes(job_id)), 60, "its processes")
    assert api.stop() == 0
    assert processes(job_id)
    api.start()
    assert api.ask("DELETE", f"jobs/{job_id}").json()["status"] == "cancelled"
    assert wait_gone(job_id)


def kill(process: psutil.Process) -> None:
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_gone(job_id: str) -> bool:
    wait_for(lambda: not processes(job_id), GONE_S, "the processes to end")
    return True
