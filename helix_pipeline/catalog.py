"""The one list of batch jobs: jobs/, the command line and docs/JOBS.md are made from it or tested against it."""

from dataclasses import dataclass, field

from helix_pipeline.errors import UsageError


@dataclass(frozen=True)
class Job:
    """A batch job over the lake.

    `type` is its name in APIs, `name` the one of its script and module; `reads` and `writes` are tables under
    the input and the output root.
    """

    type: str
    name: str
    summary: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: tuple["Parameter", ...] = ()

    @property
    def script(self) -> str:
        """Return the `spark-submit` entry point, from the root of the project."""
        return f"jobs/{self.name}.py"

    @property
    def module(self) -> str:
        """Return the module whose `run` does the work."""
        return f"helix_pipeline.spark.jobs.{self.name}"


@dataclass(frozen=True)
class Parameter:
    """An option of one job. `kind` reads its text; `default` holds where it is not given."""

    name: str
    summary: str
    default: int | float | str
    kind: type[int] | type[float] | type[str] = field(default=str)


JOBS: tuple[Job, ...] = (
    Job(
        "ProviderPerformance",
        "provider_performance",
        "Requests, success, latency, tokens and cost of each provider and model.",
        reads=("provider_calls",),
        writes=("provider_performance",),
    ),
)


def find(name: str) -> Job:
    """Return the job of this type or name. Raises UsageError, with those that exist, for an unknown one."""
    for job in JOBS:
        if name in (job.type, job.name):
            return job
    known = ", ".join(job.type for job in JOBS)
    raise UsageError(f"unknown job {name!r}; known are {known}")
