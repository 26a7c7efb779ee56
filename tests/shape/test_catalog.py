"""The catalogue of batch jobs and what is made from it say the same."""

from importlib import import_module
from pathlib import Path

import pytest

from helix_pipeline.catalog import JOBS, Job, find
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.type)
def test_each_job_has_its_script_its_module_and_its_paragraph(job: Job) -> None:
    assert f'submitted("{job.type}")' in (ROOT / job.script).read_text(encoding="utf-8")
    assert callable(import_module(job.module).run)
    assert f"## {job.type}" in (ROOT / "docs" / "JOBS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.type)
def test_a_job_reads_tables_that_exist_and_writes_others(job: Job) -> None:
    known = {table.name for table in LAKE_TABLES} | {name for other in JOBS for name in other.writes}
    assert set(job.reads) <= known
    assert not set(job.writes) & {table.name for table in LAKE_TABLES}


def test_every_script_is_a_stream_or_in_the_catalogue() -> None:
    scripts = {f"jobs/{path.name}" for path in (ROOT / "jobs").glob("*.py") if not path.name.startswith("stream_")}
    assert scripts == {job.script for job in JOBS}


def test_types_and_names_are_unique_and_both_are_found() -> None:
    names = [name for job in JOBS for name in (job.type, job.name)]
    assert len(set(names)) == len(names)
    assert all(find(job.type) is find(job.name) is job for job in JOBS)


def test_an_unknown_job_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"unknown job 'Nope'; known are .*ProviderPerformance"):
        find("Nope")
