"""`helix jobs` against a running API: what it prints and its exit codes."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from api_process import Api, running
from typer.testing import CliRunner, Result

from helix_pipeline.cli import app
from helix_pipeline.cli.jobs_client import ended
from helix_pipeline.errors import HelixError, QualityError, UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import Jobs, NewJob

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def api(api_settings: Settings) -> Iterator[Api]:
    """One API for the whole module."""
    with running(Api(api_settings)) as found:
        yield found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["jobs", *arguments])


def stored(api: Api, status: str, error: str | None = None, code: int | None = None) -> str:
    """Store a job that ended so; no supervisor runs it."""
    jobs = Jobs(api.settings)
    job, _ = jobs.add(NewJob(f"job-{uuid4().hex[:16]}", "ProviderPerformance", "nobody", {}, "hash"))
    jobs.finish(job.id, status, error, code)
    return job.id


def test_submit_cancel_status_list_and_types(api: Api) -> None:
    url = ("--url", api.url)
    key = uuid4().hex
    accepted = json.loads(run("submit", "provider_performance", "--key", key, "--json", *url).stdout)
    job_id = accepted["job_id"]
    assert run("submit", "ProviderPerformance", "--key", key, *url).stdout.strip() == job_id
    assert run("cancel", job_id, *url).stdout.strip() == f"{job_id} is cancelled"
    assert json.loads(run("status", job_id, "--json", *url).stdout)["status"] == "cancelled"
    assert "cancelled" in run("status", job_id, *url).stdout
    assert job_id in run("list", "--status", "cancelled", "--limit", "5", *url).stdout
    assert "ProviderPerformance" in {one["job_type"] for one in json.loads(run("types", "--json", *url).stdout)}
    assert run("logs", job_id, *url).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submit", "Nope"), "unknown job 'Nope'"),
        (("submit", "TopicModeling", "--param", "topics"), "write NAME=VALUE"),
        (("submit", "TopicModeling", "--param", "topics=many"), "'many' is no int"),
        (("submit", "TopicModeling", "--param", "nope=1"), "no parameter 'nope'"),
        (("submit", "ProviderPerformance", "--date", "today"), "write YYYY-MM-DD"),
        (("submit", "ProviderPerformance", "--input", "relative"), "outside the allowed roots"),
        (("status", "job-0"), "no job has the id"),
        (("list", "--status", "lost"), "status"),
    ],
)
def test_bad_usage_ends_with_two_and_one_line(api: Api, arguments: tuple[str, ...], said: str) -> None:
    error = run(*arguments, "--url", api.url).exception
    assert isinstance(error, UsageError)
    assert said in str(error)
    assert "\n" not in str(error)


def test_watch_ends_as_the_job_did(api: Api) -> None:
    done, refused = stored(api, "succeeded"), stored(api, "failed", "too many", 3)
    assert run("watch", done, "--url", api.url).exit_code == 0
    error = run("watch", refused, "--url", api.url).exception
    assert isinstance(error, QualityError)
    assert str(error) == f"{refused} failed: too many"
    line = json.loads(run("watch", refused, "--json", "--url", api.url).stdout)
    assert (line["status"], line["exit_code"]) == ("failed", 3)


@pytest.mark.parametrize(
    ("status", "exit_code", "code"), [("failed", 2, 2), ("failed", 3, 3), ("failed", None, 1), ("cancelled", None, 1)]
)
def test_exit_codes(status: str, exit_code: int | None, code: int) -> None:
    error = ended({"job_id": "job-1", "status": status, "error": None, "exit_code": exit_code})
    assert isinstance(error, HelixError)
    assert error.exit_code == code


def test_an_api_that_is_not_there_is_one_line_with_a_hint() -> None:
    error = run("list", "--url", "http://127.0.0.1:1").exception
    assert isinstance(error, HelixError)
    assert error.exit_code == 1
    assert "no API at http://127.0.0.1:1" in str(error)
    assert "helix api" in str(error)
