"""/v1/spark/jobs: submit, list, follow, read and cancel batch jobs."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse

from helix_pipeline.api.models import (
    SUBMISSION_EXAMPLES,
    Accepted,
    JobPage,
    JobResult,
    JobStatus,
    JobType,
    Links,
    ParameterInfo,
    Status,
    SubmissionBody,
    job_status,
)
from helix_pipeline.api.problems import problems
from helix_pipeline.catalog import JOBS, Job
from helix_pipeline.services.jobs.desk import Desk
from helix_pipeline.services.jobs.requests import Submission
from helix_pipeline.stores.jobs import Filter, StoredJob

_PREFIX = "/v1/spark"


router = APIRouter(
    prefix=_PREFIX,
    tags=["Spark jobs"],
    responses=problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)


def desk(request: Request) -> Desk:
    """Return the application's desk."""
    found: Desk = request.app.state.desk
    return found


OfDesk = Annotated[Desk, Depends(desk)]


@router.post(
    "/jobs",
    status_code=HTTPStatus.ACCEPTED,
    responses=problems(HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
)
def submit(
    body: Annotated[SubmissionBody, Body(openapi_examples=SUBMISSION_EXAMPLES)],
    response: Response,
    jobs: OfDesk,
    idempotency_key: Annotated[str | None, Header(description="Sent again with the same body: the same job.")] = None,
) -> Accepted:
    """Accept a job. It is stored when this answers, and survives a restart of the API."""
    asked = Submission(body.job_type, body.input_path, body.output_path, body.params, body.date)
    job, _ = jobs.submit(asked, idempotency_key)
    links = _links(job)
    response.headers["Location"] = links.status
    return Accepted(job_id=job.id, status=job.status, links=links)  # type: ignore[arg-type]


@router.get("/jobs")
def listed(  # noqa: PLR0917 - parameters of a query have names
    jobs: OfDesk,
    job_type: Annotated[str | None, Query(alias="type", description="Only of this type")] = None,
    status: Status | None = None,
    since: Annotated[datetime | None, Query(description="Accepted at this time or later")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
) -> JobPage:
    """List jobs, the newest first."""
    found, following = jobs.page(Filter(job_type, status, since), limit, cursor)
    return JobPage(jobs=[job_status(job) for job in found], next_cursor=following)


@router.get("/jobs/{job_id}/status", responses=problems(HTTPStatus.NOT_FOUND))
def status(job_id: str, jobs: OfDesk) -> JobStatus:
    """Say how a job stands, with its own figures."""
    return job_status(jobs.get(job_id))


@router.get("/jobs/{job_id}/logs", response_class=PlainTextResponse, responses=problems(HTTPStatus.NOT_FOUND))
def logs(job_id: str, jobs: OfDesk, tail: Annotated[int, Query(ge=1, le=10_000)] = 200) -> PlainTextResponse:
    """Return the last lines of a job's log, as text."""
    return PlainTextResponse(jobs.log(job_id, tail))


@router.get("/jobs/{job_id}/result", responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def result(job_id: str, jobs: OfDesk, rows: Annotated[int, Query(ge=0, le=100)] = 20) -> JobResult:
    """Return the record of a job that succeeded, and the first rows of its tables."""
    return JobResult(**jobs.result(job_id, rows))


@router.delete(
    "/jobs/{job_id}",
    responses={
        int(HTTPStatus.ACCEPTED): {"model": JobStatus, "description": "Its processes are still being ended"},
        **problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    },
)
def cancel(job_id: str, response: Response, jobs: OfDesk) -> JobStatus:
    """End a job: 200 when its processes are gone. Cancelling a cancelled job changes nothing."""
    job = jobs.cancel(job_id)
    if not job.finished:
        response.status_code = HTTPStatus.ACCEPTED
    return job_status(job)


@router.get("/job-types")
def types() -> list[JobType]:
    """List the job types of the catalogue with their parameters."""
    return [_type(job) for job in JOBS]


def _type(job: Job) -> JobType:
    kinds = {int: "integer", float: "number", str: "text"}
    params = [
        ParameterInfo(name=one.name, kind=kinds[one.kind], default=one.default, summary=one.summary)  # type: ignore[arg-type]
        for one in job.parameters
    ]
    return JobType(
        job_type=job.type, summary=job.summary, reads=list(job.reads), writes=list(job.writes), params=params
    )


def _links(job: StoredJob) -> Links:
    place = f"{_PREFIX}/jobs/{job.id}"
    return Links(status=f"{place}/status", logs=f"{place}/logs", result=f"{place}/result", cancel=place)
