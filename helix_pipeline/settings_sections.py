"""The groups of settings: every key with its type, its limits and its default."""

from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """A group of settings: unknown keys are errors, values are checked, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Section):
    """The event log. `bootstrap_servers` set means that the user's own brokers are used.

    While they are away the API keeps new events in a journal of at most `journal_max_mb` MiB under `<home>/journal`.
    """

    bootstrap_servers: str | None = None
    port: int = Field(default=19092, ge=1, le=65535)
    controller_port: int = Field(default=19093, ge=1, le=65535)
    replication_factor: int = Field(default=1, ge=1, le=32767)
    max_message_bytes: int = Field(default=8 << 20, ge=1 << 20, le=64 << 20)
    heap_mb: int = Field(default=512, ge=128)
    journal_max_mb: int = Field(default=256, ge=1)

    @property
    def address(self) -> str:
        """Bootstrap servers to connect to, `host:port[,host:port]`."""
        return self.bootstrap_servers or f"127.0.0.1:{self.port}"


class ClickHouseSettings(Section):
    """The warehouse, over HTTP. `host` set means that the user's own server is used.

    `query_*` bound each free query of POST /v1/analytics/query: seconds, rows read, memory, threads. The API's own
    figures go by `batch_size` rows or after `flush_interval_s`, and wait in `figures_max_mb` of files while it is away.
    """

    host: str | None = None
    port: int = Field(default=18123, ge=1, le=65535)
    database: str = Field(default="helixagent", pattern=r"^\w+$")
    username: str = "default"
    password: SecretStr = SecretStr("")
    secure: bool = False
    timeout_s: float = Field(default=30.0, ge=1)
    query_timeout_s: float = Field(default=10.0, gt=0)
    query_rows_read: int = Field(default=1_000_000_000, ge=1)
    query_memory_mb: int = Field(default=1024, ge=64)
    query_threads: int = Field(default=2, ge=1)
    batch_size: int = Field(default=10_000, ge=1, le=100_000)
    flush_interval_s: float = Field(default=10.0, gt=0)
    figures_max_mb: int = Field(default=256, ge=1)

    @property
    def address(self) -> tuple[str, int]:
        """Host and HTTP port to connect to."""
        return self.host or "127.0.0.1", self.port


class Neo4jSettings(Section):
    """The graph, over Bolt. `uri` set means that the user's own server is used.

    `read_timeout_s` bounds an answer of the API; then a snapshot answers, and Neo4j is left alone for a moment.
    """

    uri: str | None = None
    port: int = Field(default=17687, ge=1, le=65535)
    http_port: int = Field(default=17474, ge=1, le=65535)
    username: str = "neo4j"
    password: SecretStr = SecretStr("helix-local")
    database: str = "neo4j"
    heap_mb: int = Field(default=768, ge=256)
    pagecache_mb: int = Field(default=256, ge=64)
    timeout_s: float = Field(default=60.0, gt=0)
    read_timeout_s: float = Field(default=5.0, gt=0)

    @property
    def address(self) -> str:
        """Bolt URI to connect to."""
        return self.uri or f"bolt://127.0.0.1:{self.port}"


class PostgresSettings(Section):
    """The relational store. `url` set means that the user's own server is used."""

    url: SecretStr | None = None
    port: int = Field(default=15432, ge=1, le=65535)
    timeout_s: float = Field(default=30.0, gt=0)

    @property
    def address(self) -> str:
        """libpq connection URL."""
        if self.url is not None:
            return self.url.get_secret_value()
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


class LakeSettings(Section):
    """The Delta tables. `root` is a folder, a `file:` or an `s3a://bucket/prefix` URL; default `<home>/lake`."""

    root: str | None = None
    rows_per_file: int = Field(default=200_000, ge=1_000)


class S3Settings(Section):
    """Object storage under an `s3a://` lake root (MinIO or S3)."""

    endpoint: str | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    bucket: str = "helixagent-datalake"
    region: str = "us-east-1"
    use_ssl: bool = True

    @property
    def endpoint_url(self) -> str | None:
        """URL of the endpoint; one that is given with a scheme keeps it, whatever `use_ssl` says."""
        if self.endpoint is None or "://" in self.endpoint:
            return self.endpoint
        return f"{'https' if self.use_ssl else 'http'}://{self.endpoint}"


class GraphSettings(Section):
    """What goes into the graph. `extractor` is `fast`, `accurate`, `gazetteer`, `spacy`, `gliner`, `llm`, or
    `package.module:factory`; `model` is the pipeline of spaCy or the folder of the GLiNER model, `llm_*` the
    OpenAI-compatible endpoint of `llm`.

    With `embeddings`, entities are found by vectors of `embedding_size` dimensions too (the shipped embedding has 256).
    """

    extractor: str = "fast"
    model: str | None = None
    llm_base_url: str | None = None
    llm_model: str | None = None
    llm_api_key: SecretStr | None = None
    llm_timeout_s: float = Field(default=30.0, gt=0)
    embeddings: bool = False
    embedding_size: int = Field(default=256, ge=1, le=4096)


class RetentionSettings(Section):
    """How long each store keeps what it was told; the lake keeps everything.

    Kafka deletes after `kafka_hours` (a topic may keep a multiple), ClickHouse after `clickhouse_days`; an entity that
    nobody named for `graph_days` goes from the graph to the lake; 0 keeps all. `helix retention apply` brings the
    stores in line.
    """

    kafka_hours: int = Field(default=168, ge=1)
    clickhouse_days: int = Field(default=90, ge=1)
    graph_days: int = Field(default=365, ge=0)


class StreamSettings(Section):
    """How the streaming queries run. Intervals are seconds, offsets are Kafka records per micro-batch."""

    checkpoint_root: str | None = None
    trigger_interval_s: float = Field(default=1, ge=0)
    max_offsets_per_trigger: int = Field(default=200_000, ge=1)
    graph_writers: int = Field(default=1, ge=1, le=64)
    restart_limit: int = Field(default=8, ge=0)
    metrics_port: int = Field(default=19464, ge=0, le=65535)


class SparkSettings(Section):
    """The Spark session that `helix stream` starts; `spark-submit` reads spark-conf/spark-defaults.conf."""

    master: str = "local[2]"
    driver_memory: str = Field(default="2g", pattern=r"^\d+[mg]$")
    jars: str | None = None


class AirflowSettings(Section):
    """The scheduler. `url` set means that the user's own Airflow is used, with `username` and `password`.

    Without a password the local Airflow makes one and keeps it under `<home>/airflow`.
    """

    url: str | None = None
    port: int = Field(default=18080, ge=1, le=65535)
    username: str = "admin"
    password: SecretStr | None = None
    timeout_s: float = Field(default=10.0, gt=0)

    @property
    def address(self) -> str:
        """Base URL of the UI and of the REST API, without a trailing slash."""
        return (self.url or f"http://127.0.0.1:{self.port}").rstrip("/")


class AlertSettings(Section):
    """When a person is needed: `webhook_url` gets a POST of JSON, again after `repeat_s` seconds at the earliest."""

    webhook_url: SecretStr | None = None
    repeat_s: float = Field(default=3600, gt=0)
    stream_lag: int = Field(default=200_000, ge=1)
    stream_silence_s: float = Field(default=300, gt=0)


class TrinoSettings(Section):
    """SQL over the lake. `url` set means that the user's own Trino is used."""

    url: str | None = None
    port: int = Field(default=18081, ge=1, le=65535)
    username: str = "helix"
    catalog: str = Field(default="lake", pattern=r"^\w+$")
    database: str = Field(default="helixagent", pattern=r"^\w+$")
    heap_mb: int = Field(default=1536, ge=512)
    timeout_s: float = Field(default=60.0, gt=0)

    @property
    def address(self) -> str:
        """Base URL, without a trailing slash."""
        return (self.url or f"http://127.0.0.1:{self.port}").rstrip("/")


class ApiSettings(Section):
    """The HTTP API."""

    host: str = "127.0.0.1"
    port: int = Field(default=7061, ge=1, le=65535)


class JobSettings(Section):
    """How jobs that are submitted over HTTP or by `helix jobs` run.

    `allowed_roots` are folders or `s3a://` prefixes that jobs may read and write besides the lake.
    """

    backend: Literal["local", "airflow"] = "local"
    concurrency: int = Field(default=1, ge=1, le=16)
    allowed_roots: tuple[str, ...] = ()


class ContextSettings(Section):
    """The context engine: what holds where a request says nothing, its cache, and models that may help it.

    `ratio` is the share of a conversation's tokens that a compressed one may have, `max_tokens` bounds it besides.
    The cache keeps `cache_size` results of at most `cache_bytes` together for `cache_ttl_s` seconds, shared with other
    processes where there is a `redis_url`. `tail_timeout_s` bounds how long a replay reads what no store has yet from
    Kafka. With a base URL of an OpenAI-compatible endpoint (`llm_*`, `embeddings_*`) its model is asked as well.
    """

    strategy: Literal["window", "entity", "full", "hybrid"] = "hybrid"
    ratio: float = Field(default=0.3, gt=0, le=1)
    max_tokens: int = Field(default=1_000_000, ge=1)
    min_quality: float = Field(default=0.95, ge=0, le=1)
    importance_threshold: float = Field(default=0.7, ge=0, le=1)
    retrieval_top_k: int = Field(default=10, ge=1)
    encoding: str = "estimate"
    cache_size: int = Field(default=100, ge=0)
    cache_ttl_s: float = Field(default=1800, gt=0)
    cache_bytes: int = Field(default=256 << 20, ge=0)
    redis_url: SecretStr | None = None
    tail_timeout_s: float = Field(default=10.0, gt=0)
    llm_base_url: str | None = None
    llm_model: str | None = None
    llm_api_key: SecretStr | None = None
    llm_timeout_s: float = Field(default=30.0, gt=0)
    embeddings_base_url: str | None = None
    embeddings_model: str | None = None
    embeddings_api_key: SecretStr | None = None
    embeddings_timeout_s: float = Field(default=30.0, gt=0)


MASTER_SWITCH = "BIGDATA_ENABLED"
"""The environment variable of `features.enabled`."""


class FeatureSettings(Section):
    """The components that are on. `enabled` is the master switch: without it none is."""

    enabled: bool = True
    infinite_context: bool = True
    distributed_memory: bool = True
    knowledge_graph: bool = True
    analytics: bool = True
    cross_learning: bool = True

    def is_on(self, component: str) -> bool:
        """Return whether a component, given by the name of its switch, is on."""
        return self.enabled and bool(getattr(self, component))

    def switch(self, component: str) -> str:
        """Return the environment variable that turns a component on which is off."""
        return f"BIGDATA_ENABLE_{component.upper()}" if self.enabled else MASTER_SWITCH

    def any_on(self, components: Collection[str]) -> bool:
        """Return whether what serves these components is on; what serves none in particular is, unless all is off."""
        return any(map(self.is_on, components)) if components else self.enabled


class MetricsSettings(Section):
    """Where jobs push their last figures: a Prometheus Pushgateway; none where `pushgateway_url` is not set."""

    pushgateway_url: str | None = None
    push_timeout_s: float = Field(default=5.0, gt=0)
