"""What the API accepts and refuses, against a real PostgreSQL; nothing is started."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.testclient import TestClient

from helix_pipeline.api.app import create_app
from helix_pipeline.api.guard import MAX_BODY
from helix_pipeline.api.models import ARCHIVE_EXAMPLES, SUBMISSION_EXAMPLES, ArchiveBody, JobStatus, SubmissionBody
from helix_pipeline.catalog import JOBS
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import Jobs, NewJob

pytestmark = pytest.mark.servers

ACCEPTED: dict[str, Any] = {"job_type": "ProviderPerformance"}


@pytest.fixture(autouse=True)
def nothing_left(api_settings: Settings) -> Any:
    """What a test has queued would be run by the next API that starts."""
    yield
    jobs = Jobs(api_settings)
    for job in jobs.unfinished("local"):
        jobs.finish(job.id, "cancelled")


def submit(client: TestClient, body: dict[str, Any], **headers: str) -> httpx.Response:
    return client.post("/v1/spark/jobs", json=body, headers=headers)


def test_an_accepted_job_is_stored(client: TestClient, api_settings: Settings) -> None:
    answer = submit(client, {**ACCEPTED, "date": "2026-06-01"})
    assert answer.status_code == 202
    stored = Jobs(api_settings).get(answer.json()["job_id"])
    assert stored is not None
    root = api_settings.lake_root
    assert stored.request == {"input": root, "output": root, "date": "2026-06-01", "params": {}}
    links = answer.json()["links"]
    found = client.get(answer.headers["location"]).json()
    assert (found["status"], found["progress"], found["rows_processed"], found["error"]) == ("queued", 0, 0, None)
    assert client.get(links["logs"]).text == ""
    assert client.get(links["result"]).status_code == 409


def test_the_bodies_of_the_requirements_are_taken_as_curl_sends_them(
    client: TestClient, api_settings: Settings
) -> None:
    body = (
        '{"job_type": "EntityExtraction",'
        ' "input_path": "s3://helixagent-datalake/conversations/year=2026/month=01/",'
        ' "output_path": "s3://helixagent-datalake/entities/"}'
    )
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/v1/spark/jobs", content=body, headers=form)
    assert answer.status_code == 202, answer.text
    stored = Jobs(api_settings).get(answer.json()["job_id"])
    assert stored is not None
    assert stored.request["input"] == f"{api_settings.lake_root}/conversations/year=2026/month=01"
    assert stored.request["output"] == f"{api_settings.lake_root}/entities"


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.type)
def test_every_type_of_the_catalogue_is_accepted_with_its_defaults(client: TestClient, job: Any) -> None:
    params = {parameter.name: parameter.default for parameter in job.parameters}
    assert submit(client, {"job_type": job.type, "params": params}).status_code == 202
    listed = {one["job_type"]: one for one in client.get("/v1/spark/job-types").json()}
    assert {one["name"]: one["default"] for one in listed[job.type]["params"]} == params


def test_a_key_makes_a_request_one_job_and_takes_no_other_request(client: TestClient) -> None:
    key = uuid4().hex
    first = submit(client, ACCEPTED, **{"idempotency-key": key}).json()
    again = submit(client, {**ACCEPTED, "params": {}}, **{"idempotency-key": key})
    assert (again.status_code, again.json()["job_id"]) == (202, first["job_id"])
    other = submit(client, {**ACCEPTED, "date": "2026-06-01"}, **{"idempotency-key": key})
    assert (other.status_code, other.json()["type"]) == (422, "urn:helix:problem:key-reused")
    assert submit(client, ACCEPTED).json()["job_id"] != submit(client, ACCEPTED).json()["job_id"]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"job_type": "Nope"}, 422, "known are"),
    ({}, 422, "job_type"),
    ({**ACCEPTED, "pay": 1}, 422, "pay"),
    ({**ACCEPTED, "date": "yesterday"}, 422, "date"),
    ({**ACCEPTED, "params": {"nope": 1}}, 422, "no parameter 'nope'"),
    ({"job_type": "TopicModeling", "params": {"topics": "many"}}, 422, "must be an integer"),
    ({"job_type": "TopicModeling", "params": {"topics": True}}, 422, "must be an integer"),
    ({"job_type": "TopicModeling", "params": {"model": "a\nb"}}, 422, "must be a text"),
    ({"job_type": "RelationshipMining", "params": {"max_fdr": "low"}}, 422, "must be a number"),
    ({**ACCEPTED, "input_path": "/etc"}, 403, "outside the allowed roots"),
    ({**ACCEPTED, "output_path": "s3://other-bucket/x"}, 403, "outside the allowed roots"),
    ({**ACCEPTED, "input_path": "lake"}, 422, "neither an absolute path"),
    ({**ACCEPTED, "input_path": "hdfs://name/x"}, 422, "neither an absolute path"),
    ({**ACCEPTED, "input_path": "s3://helixagent-datalake/*"}, 422, "character"),
    ({**ACCEPTED, "input_path": "s3:/one/slash"}, 422, "no s3://"),
    ({**ACCEPTED, "input_path": "s3://helixagent-datalake/../../etc"}, 403, "outside the allowed roots"),
]


@pytest.mark.parametrize(("body", "status", "detail"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_bad_request_is_a_problem_with_a_hint(
    client: TestClient, body: dict[str, Any], status: int, detail: str
) -> None:
    answer = submit(client, body)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert set(problem) == {"type", "title", "status", "detail", "hint"}
    assert problem["status"] == status
    assert detail in problem["detail"]
    assert problem["hint"]


def test_links_and_dots_do_not_lead_out_of_the_roots(client: TestClient, api_settings: Settings) -> None:
    root = Path(api_settings.lake_root)
    way_out = root / "way_out"
    way_out.symlink_to(root.parent)
    try:
        for path in (f"{root}/../x", str(way_out), f"file://{root}/..", f"{root}x"):
            assert submit(client, {**ACCEPTED, "input_path": path}).status_code == 403, path
    finally:
        way_out.unlink()
    assert submit(client, {**ACCEPTED, "input_path": f"file://{root}/x/../provider_calls/"}).status_code == 202


def test_other_roots_are_those_of_the_settings(api_settings: Settings, tmp_path: Path) -> None:
    roots = (str(tmp_path), "s3a://bucket/prefix")
    jobs = api_settings.jobs.model_copy(update={"allowed_roots": roots})
    client = TestClient(create_app(api_settings.model_copy(update={"jobs": jobs})), base_url="http://localhost")
    for path, status in (
        (f"{tmp_path}/out", 202),
        ("s3://bucket/prefix/x", 202),
        ("s3a://bucket/prefix", 202),
        ("s3://bucket/prefixed", 403),
        ("s3://bucket/prefix/../x", 422),
    ):
        assert submit(client, {**ACCEPTED, "output_path": path}).status_code == status, path


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/spark/jobs/job-0/status", 404),
        ("GET", "/v1/spark/jobs/job-0/logs", 404),
        ("GET", "/v1/spark/jobs/job-0/result", 404),
        ("DELETE", "/v1/spark/jobs/job-0", 404),
        ("PUT", "/v1/spark/jobs", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/spark/jobs?cursor=x", 422),
        ("GET", "/v1/spark/jobs?cursor=eyJiZWZvcmUiOiJ4In0", 422),
        ("GET", "/v1/spark/jobs?status=lost", 422),
        ("GET", "/v1/spark/jobs?limit=0", 422),
        ("GET", "/v1/spark/jobs/job-0/logs?tail=0", 422),
    ],
)
def test_what_is_not_there_is_a_problem(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["hint"]


def test_a_body_is_bounded_with_and_without_its_length(client: TestClient) -> None:
    large = b'{"job_type": "' + b"x" * MAX_BODY + b'"}'
    json_type = {"content-type": "application/json"}
    for content in (large, iter([large[:100], large[100:]])):
        answer = client.post("/v1/spark/jobs", content=content, headers=json_type)
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"host": "localhost:7061"}, 200),
        ({"host": "[::1]:7061"}, 200),
    ],
)
def test_web_sites_do_not_reach_the_api(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.get("/livez", headers=headers).status_code == status


def test_pages_follow_each_other_without_gaps_while_jobs_are_added(client: TestClient, api_settings: Settings) -> None:
    jobs, job_type = Jobs(api_settings), f"Type{uuid4().hex[:8]}"
    ids = [add(jobs, job_type) for _ in range(5)]
    jobs.finish(ids[0], "failed", "a reason", 1)
    first = client.get("/v1/spark/jobs", params={"type": job_type, "limit": 2}).json()
    add(jobs, job_type)
    found = [job["job_id"] for job in first["jobs"]]
    cursor = first["next_cursor"]
    for _ in ids:
        if not cursor:
            break
        page = client.get("/v1/spark/jobs", params={"type": job_type, "limit": 2, "cursor": cursor}).json()
        found += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert found == ids[::-1]
    failed = client.get("/v1/spark/jobs", params={"type": job_type, "status": "failed"}).json()["jobs"]
    assert [(job["job_id"], job["error"], job["exit_code"]) for job in failed] == [(ids[0], "a reason", 1)]
    since = failed[0]["submitted_at"]
    listed = client.get("/v1/spark/jobs", params={"type": job_type, "since": since}).json()["jobs"]
    assert len(listed) == 6
    late = {"type": job_type, "since": "2999-01-01T00:00:00Z"}
    assert client.get("/v1/spark/jobs", params=late).json() == {"jobs": [], "next_cursor": None}


def add(jobs: Jobs, job_type: str) -> str:
    """Store a job that no supervisor will run."""
    job, _ = jobs.add(NewJob(f"job-{uuid4().hex[:16]}", job_type, "nobody", {}, "hash"))
    return job.id


def test_figures_of_the_job_stand_beside_the_fixed_fields_and_never_cover_them(
    client: TestClient, api_settings: Settings
) -> None:
    jobs = Jobs(api_settings)
    job_id = add(jobs, "Figures")
    jobs.progress(job_id, 0.5, 7, 1, 2)
    jobs.progress(job_id, 0.25, 3, 2, 3)
    found = client.get(f"/v1/spark/jobs/{job_id}/status").json()
    assert (found["progress"], found["rows_processed"], found["stages"]) == (0.5, 7, 2)
    metrics = {"entities_extracted": 12345, "status": 1, "none": float("nan")}
    jobs.recorded(job_id, {"rows_in": 45000, "metrics": metrics})
    jobs.finish(job_id, "succeeded")
    found = client.get(f"/v1/spark/jobs/{job_id}/status").json()
    assert (found["status"], found["progress"], found["rows_processed"]) == ("succeeded", 1, 45000)
    assert (found["entities_extracted"], found["none"]) == (12345, None)


def test_readiness_asks_the_parts(api_settings: Settings) -> None:
    with TestClient(create_app(api_settings), base_url="http://127.0.0.1") as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]) == (
            200,
            dict.fromkeys(("postgres", "lake", "graph", "kafka", "journal", "supervisor"), "ok"),
        )


def test_without_postgres_and_lake_the_api_says_so(api_settings: Settings, tmp_path: Path) -> None:
    changed = {
        "postgres": api_settings.postgres.model_copy(update={"port": 1}),
        "lake": api_settings.lake.model_copy(update={"root": str(tmp_path / "nothing")}),
    }
    client = TestClient(create_app(api_settings.model_copy(update=changed)), base_url="http://127.0.0.1")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "Connection refused" in answer.json()["checks"]["postgres"]
    assert "no table conversations" in answer.json()["checks"]["lake"]
    assert client.get("/livez").status_code == 200
    refused = submit(client, ACCEPTED)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:helix:problem:store-away")


def test_the_examples_of_the_docs_are_what_the_api_takes_and_gives(client: TestClient) -> None:
    for example in SUBMISSION_EXAMPLES.values():
        SubmissionBody.model_validate(example["value"])
        assert submit(client, example["value"]).status_code == 202
    for example in ARCHIVE_EXAMPLES.values():
        ArchiveBody.model_validate(example["value"])
    document = client.get("/openapi.json").json()
    body = document["paths"]["/v1/spark/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert body["examples"] == SUBMISSION_EXAMPLES
    JobStatus.model_validate(document["components"]["schemas"]["JobStatus"]["examples"][0])
    assert client.get("/docs").status_code == 200


@pytest.mark.parametrize("body", [{}, {"date": "2026-01-01", "debate_id": "d"}, {"conversation_id": ""}])
def test_an_archive_is_asked_for_by_one_of_three(client: TestClient, body: dict[str, str]) -> None:
    assert client.post("/v1/datalake/archive", json=body).status_code == 422


@pytest.mark.parametrize("body", [{"conversation_id": "conv-123"}, {"date": "2026-06-01"}])
def test_a_conversation_is_archived_beside_the_tables(
    client: TestClient, api_settings: Settings, body: dict[str, str]
) -> None:
    found = client.post("/v1/datalake/archive", json=body).json()
    folder = f"{api_settings.lake_root}/archive"
    path = f"{folder}/conversations/year=2026/month=06/day=01/conversation_conv-123.parquet"
    assert [one["path"] for one in found["first"]] == [path]
    assert found["path"] == (folder if "date" in body else path)
    assert (found["files"], found["rows"], found["bytes"]) == (1, 3, Path(path).stat().st_size)


def test_what_the_lake_does_not_have_cannot_be_archived(client: TestClient) -> None:
    answer = client.post("/v1/datalake/archive", json={"conversation_id": "nobody's"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "nobody's" in answer.json()["detail"]
    empty = client.post("/v1/datalake/archive", json={"date": "2020-01-01"}).json()
    assert (empty["rows"], empty["bytes"], empty["files"], empty["first"]) == (0, 0, 0, [])
