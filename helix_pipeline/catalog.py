"""The one list of batch jobs and DAGs: jobs/, dags/, the API, the command line and docs/JOBS.md are made from it or
tested against it."""

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

    @property
    def limit(self) -> str:
        """Return the limits in words."""
        if self.at_most is None:
            return f"at least {self.at_least}"
        return f"at most {self.at_most}" if self.at_least is None else f"from {self.at_least} to {self.at_most}"


FEW_REJECTED = Check("rejected_share", at_most=0.01)
SOME_ROWS = Check("rows_out", at_least=1)
FEW_QUARANTINED = Check("quarantined_share", at_most=0.05)
"""Of what reached the lake, how much may be unreadable before jobs that read it are held back."""


@dataclass(frozen=True)
class Job:
    """A batch job over the lake.

    `type` is its name in APIs, `name` the one of its script and module; `reads` are tables under the input,
    `writes` tables under the output. `dag` is the DAG that runs it, `after` the jobs that come before it there.
    `package` has the module that does the work.
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
    package: str = "helix_pipeline.spark.jobs"

    @property
    def script(self) -> str:
        """Return the `spark-submit` entry point, from the root of the project."""
        return f"jobs/{self.name}.py"

    @property
    def module(self) -> str:
        """Return the module whose `run` does the work."""
        return f"{self.package}.{self.name}"

    @property
    def defaults(self) -> dict[str, int | float | str]:
        """Return the parameters' defaults by name."""
        return {parameter.name: parameter.default for parameter in self.parameters}


JOBS: tuple[Job, ...] = (
    Job(
        "EntityExtraction",
        "entity_extraction",
        "The entities that messages name, with exact spans; which of them are one; a snapshot of the distinct ones.",
        reads=("conversations",),
        writes=("entities", "entity_aliases"),
        dag="conversation_intelligence",
        parameters=(Parameter("extractor", "name or package.module:factory; without it graph.extractor's", ""),),
    ),
    Job(
        "RelationshipMining",
        "relationship_mining",
        "Pairs of entities that belong together and their communities; typed relations that messages state, and when.",
        reads=("entities", "conversations", "knowledge"),
        writes=("relationships", "communities", "relation_statements", "relation_intervals"),
        dag="conversation_intelligence",
        after=("EntityExtraction",),
        parameters=(
            Parameter("window", "how many successive messages of a conversation are a window", 3, int),
            Parameter("min_frequency", "in how many messages, or separate windows, a pair is named at least", 3, int),
            Parameter("max_fdr", "share of chance findings to accept (false discovery rate)", 0.05, float),
        ),
    ),
    Job(
        "TopicModeling",
        "topic_modeling",
        "Topics of conversations: words, coherence, the topic of each conversation, and a picture.",
        reads=("conversations",),
        writes=("topics", "document_topics"),
        dag="conversation_intelligence",
        after=("RelationshipMining",),
        parameters=(
            Parameter("model", "nmf or lda", "nmf"),
            Parameter("topics", "how many topics at most; 0: chosen by their quality", 0, int),
            Parameter("seed", "of what is left to chance", 0, int),
        ),
        checks=(FEW_REJECTED, Check("fallback_share", at_most=0.5)),
    ),
    Job(
        "ProviderPerformance",
        "provider_performance",
        "Requests, success, latency, tokens and cost of each provider and model; ratings of models.",
        reads=("provider_calls", "debates"),
        writes=("provider_performance", "model_ratings"),
        dag="provider_intelligence",
        checks=(FEW_REJECTED, SOME_ROWS),
    ),
    Job(
        "DebateAnalysis",
        "debate_analysis",
        "What happened in each debate and who won it; who is best in which position, and a predictor of winners.",
        reads=("debates",),
        writes=("debate_analysis", "debate_positions", "debate_predictor"),
        dag="provider_intelligence",
        parameters=(Parameter("sample", "how many debates the predictor learns from at most", 5000, int),),
    ),
    Job(
        "ContextCompression",
        "context_compression",
        "What matters in each conversation that is over a budget of tokens, cut to a share of its length.",
        reads=("conversations",),
        writes=("compressed_contexts",),
        dag="context_compression",
        parameters=(
            Parameter("budget", "tokens above which a conversation is compressed", 4000, int),
            Parameter("ratio", "share of a conversation's tokens that is kept at most", 0.3, float),
        ),
        checks=(FEW_REJECTED, Check("over_target", at_most=0), Check("short_of_target", at_most=0.02)),
    ),
    Job(
        "LakeMaintenance",
        "lake_maintenance",
        "Joins small files, deletes what is past its time, and counts rows, files and bytes of each table.",
        reads=("conversations", "debates", "provider_calls", "quarantine"),
        writes=("lake_files",),
        dag="lake_maintenance",
        parameters=(
            Parameter("retention_days", "days of events to keep; 0: all", 0, int),
            Parameter("vacuum_hours", "hours that files no longer in a table are kept, 168 or more", 168, int),
            Parameter("spare_files", "files that a partition may have beyond those its bytes need", 4, int),
        ),
        checks=(FEW_REJECTED, Check("surplus_files", at_most=1000)),
    ),
    Job(
        "GraphUpkeep",
        "graph_upkeep",
        "Sets what is derived in the graph, moves to the lake what nobody named for long, and writes a snapshot.",
        reads=("entity_aliases", "communities", "relationships"),
        writes=("graph_upkeep",),
        dag="graph_upkeep",
        parameters=(
            Parameter("archive_after_days", "days without being named; 0 keeps all, -1: as the settings say", -1, int),
        ),
        checks=(FEW_REJECTED, Check("snapshot_complete", at_least=1)),
        package="helix_pipeline.services.knowledge",
    ),
)


@dataclass(frozen=True)
class Dag:
    """A group of jobs that Airflow runs: what it is for, and when.

    `schedule` is a cron expression in UTC; `updated_by` are tables instead, whose updates start a run. A run of a
    `daily` one is about the UTC day of its logical date, the others about all days.
    """

    name: str
    summary: str
    schedule: str | None = None
    updated_by: tuple[str, ...] = ()
    daily: bool = False

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs of this DAG."""
        return tuple(job for job in JOBS if job.dag == self.name)


DAGS: tuple[Dag, ...] = (
    Dag(
        "conversation_intelligence",
        "Entities, relationships and topics of one day's conversations.",
        schedule="30 0 * * *",
        daily=True,
    ),
    Dag("provider_intelligence", "How providers and models do, in calls and in debates.", schedule="15 * * * *"),
    Dag(
        "context_compression",
        "The compressed context of each long conversation, whenever new entities are in the lake.",
        updated_by=("entities",),
    ),
    Dag("lake_maintenance", "Compaction, retention and VACUUM of the lake's tables.", schedule="45 * * * *"),
    Dag("graph_upkeep", "Derived figures, archive and snapshot of the knowledge graph.", schedule="0 3 * * *"),
    Dag("stream_watch", "Alerts when a stream is down, silent or behind.", schedule="*/5 * * * *"),
    Dag("spark_job", "One job with its parameters, for the job API and by hand."),
)


def find(name: str) -> Job:
    """Return the job of this type or name. Raises UsageError, with those that exist, for an unknown one."""
    for job in JOBS:
        if name in (job.type, job.name):
            return job
    known = ", ".join(job.type for job in JOBS)
    raise UsageError(f"unknown job {name!r}; known are {known}")


def find_dag(name: str) -> Dag:
    """Return the DAG of this name. Raises UsageError, with those that exist, for an unknown one."""
    for dag in DAGS:
        if dag.name == name:
            return dag
    raise UsageError(f"unknown DAG {name!r}; known are {', '.join(dag.name for dag in DAGS)}")
