"""The one list of batch jobs: jobs/, dags/, the API, the command line and docs/JOBS.md are made from it or tested
against it."""

from dataclasses import dataclass, field

from helix_pipeline.errors import UsageError


@dataclass(frozen=True)
class Parameter:
    """An option of one job. `kind` reads its text; `default` holds where it is not given."""

    name: str
    summary: str
    default: int | float | str
    kind: type[int] | type[float] | type[str] = field(default=str)


@dataclass(frozen=True)
class Check:
    """A limit for a figure of a run, tested before anything is written.

    `figure` is `rows_in`, `rows_out`, `rejected_share` (of the rows read) or one of the run's metrics. A run that
    read no rows passes every check.
    """

    figure: str
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: float) -> bool:
        """Return whether the value is within the limits."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


FEW_REJECTED = Check("rejected_share", at_most=0.01)
SOME_ROWS = Check("rows_out", at_least=1)


@dataclass(frozen=True)
class Job:
    """A batch job over the lake.

    `type` is its name in APIs, `name` the one of its script and module; `reads` are tables under the input,
    `writes` tables under the output. `dag` is the DAG that runs it, `after` the jobs that come before it there.
    """

    type: str
    name: str
    summary: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    dag: str
    after: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    checks: tuple[Check, ...] = (FEW_REJECTED,)
    timeout_minutes: int = 60

    @property
    def script(self) -> str:
        """Return the `spark-submit` entry point, from the root of the project."""
        return f"jobs/{self.name}.py"

    @property
    def module(self) -> str:
        """Return the module whose `run` does the work."""
        return f"helix_pipeline.spark.jobs.{self.name}"


JOBS: tuple[Job, ...] = (
    Job(
        "ProviderPerformance",
        "provider_performance",
        "Requests, success, latency, tokens and cost of each provider and model.",
        reads=("provider_calls",),
        writes=("provider_performance",),
        dag="provider_intelligence",
        checks=(FEW_REJECTED, SOME_ROWS),
    ),
)


def find(name: str) -> Job:
    """Return the job of this type or name. Raises UsageError, with those that exist, for an unknown one."""
    for job in JOBS:
        if name in (job.type, job.name):
            return job
    known = ", ".join(job.type for job in JOBS)
    raise UsageError(f"unknown job {name!r}; known are {known}")
