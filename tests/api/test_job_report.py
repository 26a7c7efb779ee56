"""What a job's own process tells PostgreSQL of its run, and that it runs without."""

from uuid import uuid4

import pytest

from helix_pipeline.errors import QualityError
from helix_pipeline.services.job_report import Report, reporting
from helix_pipeline.settings import Settings
from helix_pipeline.spark.progress import Reading
from helix_pipeline.stores.jobs import Jobs, NewJob, StoredJob
from helix_pipeline.stores.postgres import this_process

pytestmark = pytest.mark.servers


@pytest.fixture
def environment(api_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a job's process."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("HELIX_POSTGRES_PORT", str(api_settings.postgres.port))


def add(jobs: Jobs, job_type: str) -> str:
    """Store a job that no supervisor will run."""
    job, _ = jobs.add(NewJob(f"job-{uuid4().hex[:16]}", job_type, "nobody", {}, "hash"))
    return job.id


def get(jobs: Jobs, job_id: str) -> StoredJob:
    job = jobs.get(job_id)
    assert job is not None
    return job


@pytest.mark.usefixtures("environment")
def test_a_run_tells_its_process_its_progress_and_its_record(api_settings: Settings) -> None:
    jobs, job_type = Jobs(api_settings), uuid4().hex
    job_id = add(jobs, job_type)
    with reporting(job_id) as report:
        assert report.last_tasks is None
        report.tell(Reading(0.25, 10, 2, 7))
        report.recorded({"rows_in": 12, "metrics": {}})
    job = get(jobs, job_id)
    assert (job.host, job.pid, job.started) == this_process()
    assert (job.progress, job.rows_processed, job.stages, job.tasks) == (0.25, 12, 2, 7)
    jobs.finish(job_id, "succeeded")
    with reporting(add(jobs, job_type)) as report:
        assert report.last_tasks == 7


@pytest.mark.usefixtures("environment")
def test_a_run_tells_why_it_failed_and_a_later_try_takes_it_back(api_settings: Settings) -> None:
    jobs = Jobs(api_settings)
    job_id = add(jobs, "Failing")
    for error, said, code in (
        (QualityError("too many\u2026"), "too many\u2026", 3),
        (ValueError("two\nlines"), "ValueError: two lines", 1),
    ):
        with pytest.raises(type(error)), reporting(job_id):
            raise error
        assert (get(jobs, job_id).error, get(jobs, job_id).exit_code) == (said, code)
    with reporting(job_id) as report:
        report.recorded({"rows_in": 0, "metrics": {}})
    assert (get(jobs, job_id).error, get(jobs, job_id).exit_code) == (None, None)


@pytest.mark.usefixtures("environment")
def test_a_run_that_is_no_accepted_job_tells_nothing(api_settings: Settings) -> None:
    for run_id in (None, "scheduled__2026-01-01"):
        with reporting(run_id) as report:
            report.tell(Reading(0.5))
            assert report.missed == 0
    assert Jobs(api_settings).get("scheduled__2026-01-01") is None


def test_a_run_goes_on_without_postgres(
    api_settings: Settings, monkeypatch: pytest.MonkeyPatch, environment: None
) -> None:
    monkeypatch.setenv("HELIX_POSTGRES_PORT", "1")
    with reporting("job-1") as report:
        report.tell(Reading(0.5))
    away = api_settings.model_copy(update={"postgres": api_settings.postgres.model_copy(update={"port": 1})})
    report = Report(Jobs(away), "job-1")
    report.tell(Reading(0.5))
    report.failed(ValueError("lost"))
    assert report.missed == 2
