"""Bodies of requests and answers, with the examples of /docs."""

from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from helix_pipeline.services.jobs.desk import counters
from helix_pipeline.stores.jobs import StoredJob

Day = date
"""Another name, for models whose field is called `date`."""

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

SUBMISSION_EXAMPLES: dict[str, Any] = {
    "a month": {
        "summary": "Entities of one month; s3://<bucket> is the lake",
        "value": {
            "job_type": "EntityExtraction",
            "input_path": "s3://helixagent-datalake/conversations/year=2026/month=01/",
            "output_path": "s3://helixagent-datalake/entities/",
        },
    },
    "a day": {"summary": "One day of the lake", "value": {"job_type": "ProviderPerformance", "date": "2026-01-30"}},
}
ARCHIVE_EXAMPLES: dict[str, Any] = {
    "a conversation": {"value": {"conversation_id": "conv-123"}},
    "a debate": {"value": {"debate_id": "debate-789"}},
    "a day": {"value": {"date": "2026-01-29"}},
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SubmissionBody(_Body):
    """A job to run. Input and output are the lake's root where they are not given."""

    job_type: str = Field(max_length=100)
    input_path: str | None = Field(default=None, max_length=1024)
    output_path: str | None = Field(default=None, max_length=1024)
    params: dict[str, Any] = Field(default_factory=dict, max_length=50)
    date: Day | None = Field(default=None, description="Only this day (UTC)")


class ArchiveBody(_Body):
    """What to archive: one of the three."""

    conversation_id: str | None = Field(default=None, min_length=1, max_length=1024)
    debate_id: str | None = Field(default=None, min_length=1, max_length=1024)
    date: Day | None = Field(default=None, description="Every conversation and debate that began on this day (UTC)")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.conversation_id, self.debate_id, self.date)) != 1:
            raise ValueError("give one of conversation_id, debate_id and date")
        return self


class Links(BaseModel):
    """Where to go on."""

    status: str
    logs: str
    result: str
    cancel: str


class Accepted(BaseModel):
    """A job that was accepted: it is stored and will run."""

    job_id: str = Field(examples=["job-5f0c6a1b9d2e4f37"])
    status: Status = Field(examples=["queued"])
    links: Links


class JobStatus(BaseModel):
    """How a job stands. The job's own figures, such as `entities_extracted`, stand beside these fields.

    While it runs `rows_processed` is the size of Spark's largest scan so far; at the end the rows of the input.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "job_id": "job-5f0c6a1b9d2e4f37",
                    "job_type": "EntityExtraction",
                    "status": "succeeded",
                    "progress": 1.0,
                    "rows_processed": 45000,
                    "stages": 6,
                    "tasks": 14,
                    "backend": "local",
                    "submitted_at": "2026-01-30T10:00:00Z",
                    "started_at": "2026-01-30T10:00:01Z",
                    "ended_at": "2026-01-30T10:01:40Z",
                    "exit_code": 0,
                    "entities_extracted": 12345,
                }
            ]
        },
    )

    job_id: str
    job_type: str
    status: Status
    progress: float = Field(ge=0, le=1)
    rows_processed: int
    stages: int
    tasks: int
    backend: str
    submitted_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    exit_code: int | None = None


class JobPage(BaseModel):
    """Jobs, the newest first; `next_cursor` asks for those before, where there are more."""

    jobs: list[JobStatus]
    next_cursor: str | None = Field(examples=["eyJiZWZvcmUiOiA0Mn0"])


class TableRows(BaseModel):
    """An output table: where it is, its version, and the first rows of the job's period."""

    name: str = Field(examples=["provider_performance"])
    path: str
    version: int
    rows: list[dict[str, Any]]


class JobResult(BaseModel):
    """What a job left: the record of its run and its tables."""

    job_id: str
    record: dict[str, Any] = Field(examples=[{"status": "succeeded", "rows_in": 45000, "rows_out": 12345}])
    tables: list[TableRows]


class ParameterInfo(BaseModel):
    """A parameter of a job type."""

    name: str
    kind: Literal["integer", "number", "text"]
    default: int | float | str
    summary: str


class JobType(BaseModel):
    """A job of the catalogue."""

    job_type: str = Field(examples=["ProviderPerformance"])
    summary: str
    reads: list[str]
    writes: list[str]
    params: list[ParameterInfo]


class ArchivedFile(BaseModel):
    """A file of the archive."""

    path: str = Field(examples=["…/archive/conversations/year=2026/month=01/day=30/conversation_conv-123.parquet"])
    rows: int
    bytes: int


class ArchiveReport(BaseModel):
    """What was written: the file of a conversation or debate; of a day the archive's folder and its first files."""

    path: str
    rows: int
    bytes: int
    files: int
    first: list[ArchivedFile] = Field(description="At most 100 of the files")


class Health(BaseModel):
    """What works, part by part: `ok` or the reason why not."""

    status: Literal["ready", "not ready", "alive"]
    checks: dict[str, str] = Field(examples=[{"postgres": "ok", "lake": "ok", "supervisor": "ok"}])


def job_status(job: StoredJob) -> JobStatus:
    """Return how a job stands, with its own figures beside; a fixed field is never covered by one of these."""
    fixed = {
        "job_id": job.id,
        "submitted_at": job.created_at,
        **{name: getattr(job, name) for name in JobStatus.model_fields if name not in ("job_id", "submitted_at")},
    }
    return JobStatus(**{**counters(job), **fixed})
