"""Configuration: defaults < YAML file < environment < flags, checked once, with errors that name key, value and place.

The YAML root is `bigdata:`; `${VAR}` and `${VAR:-default}` are expanded from the environment. Which environment
variable sets which key is listed in `ENVIRONMENT`.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from helix_pipeline.errors import SettingsError
from helix_pipeline.settings_file import read_settings_file

Port = Field(ge=1, le=65535)


class Section(BaseModel):
    """A group of settings: unknown keys are errors, values are checked, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Section):
    """The event log. `bootstrap_servers` set means that the user's own brokers are used."""

    bootstrap_servers: str | None = None
    port: int = Field(default=19092, ge=1, le=65535)
    controller_port: int = Field(default=19093, ge=1, le=65535)
    replication_factor: int = Field(default=1, ge=1, le=32767)
    retention_hours: int = Field(default=168, ge=1)
    max_message_bytes: int = Field(default=8 << 20, ge=1 << 20, le=64 << 20)
    heap_mb: int = Field(default=512, ge=128)

    @property
    def address(self) -> str:
        """Bootstrap servers to connect to, `host:port[,host:port]`."""
        return self.bootstrap_servers or f"127.0.0.1:{self.port}"


class ClickHouseSettings(Section):
    """The warehouse, over HTTP. `host` set means that the user's own server is used."""

    host: str | None = None
    port: int = Field(default=18123, ge=1, le=65535)
    database: str = Field(default="helixagent", pattern=r"^\w+$")
    username: str = "default"
    password: SecretStr = SecretStr("")
    secure: bool = False
    ttl_days: int = Field(default=90, ge=1)
    timeout_s: float = Field(default=30.0, gt=0)

    @property
    def address(self) -> tuple[str, int]:
        """Host and HTTP port to connect to."""
        return self.host or "127.0.0.1", self.port


class Neo4jSettings(Section):
    """The graph, over Bolt. `uri` set means that the user's own server is used."""

    uri: str | None = None
    port: int = Field(default=17687, ge=1, le=65535)
    http_port: int = Field(default=17474, ge=1, le=65535)
    username: str = "neo4j"
    password: SecretStr = SecretStr("helix-local")
    database: str = "neo4j"
    heap_mb: int = Field(default=768, ge=256)
    pagecache_mb: int = Field(default=256, ge=64)
    timeout_s: float = Field(default=60.0, gt=0)

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
    """What goes into the graph. `extractor` is `gazetteer` or `package.module:factory`."""

    extractor: str = "gazetteer"


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
    """When something of the platform needs a person, and who is told.

    `webhook_url` gets a POST of JSON per alert. The same alert is told again after `repeat_s` seconds at the earliest.
    """

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


class Settings(Section):
    """All settings of one installation."""

    home: Path = Path(".helix")
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    neo4j: Neo4jSettings = Neo4jSettings()
    postgres: PostgresSettings = PostgresSettings()
    lake: LakeSettings = LakeSettings()
    graph: GraphSettings = GraphSettings()
    minio: S3Settings = S3Settings()
    streams: StreamSettings = StreamSettings()
    spark: SparkSettings = SparkSettings()
    airflow: AirflowSettings = AirflowSettings()
    trino: TrinoSettings = TrinoSettings()
    api: ApiSettings = ApiSettings()
    jobs: JobSettings = JobSettings()
    alerts: AlertSettings = AlertSettings()

    @property
    def lake_root(self) -> str:
        """Root of the Delta tables, without a trailing slash."""
        return (self.lake.root or str(self.home.resolve() / "lake")).rstrip("/")

    @property
    def lake_on_s3(self) -> bool:
        """Whether the lake is on object storage."""
        return urlsplit(self.lake_root).scheme == "s3a"

    @property
    def checkpoint_root(self) -> str:
        """Root of the streams' checkpoints, without a trailing slash."""
        return (self.streams.checkpoint_root or str(self.home.resolve() / "checkpoints")).rstrip("/")


ENVIRONMENT: dict[str, str] = {
    "HELIX_HOME": "home",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka.bootstrap_servers",
    "KAFKA_BROKERS": "kafka.bootstrap_servers",
    "HELIX_KAFKA_PORT": "kafka.port",
    "HELIX_KAFKA_CONTROLLER_PORT": "kafka.controller_port",
    "KAFKA_REPLICATION_FACTOR": "kafka.replication_factor",
    "CLICKHOUSE_HOST": "clickhouse.host",
    "CLICKHOUSE_PORT": "clickhouse.port",
    "CLICKHOUSE_DATABASE": "clickhouse.database",
    "CLICKHOUSE_USERNAME": "clickhouse.username",
    "CLICKHOUSE_PASSWORD": "clickhouse.password",
    "NEO4J_URI": "neo4j.uri",
    "NEO4J_USERNAME": "neo4j.username",
    "NEO4J_USER": "neo4j.username",
    "NEO4J_PASSWORD": "neo4j.password",
    "NEO4J_DATABASE": "neo4j.database",
    "HELIX_NEO4J_PORT": "neo4j.port",
    "HELIX_NEO4J_HTTP_PORT": "neo4j.http_port",
    "DATABASE_URL": "postgres.url",
    "HELIX_POSTGRES_PORT": "postgres.port",
    "HELIX_EXTRACTOR": "graph.extractor",
    "HELIX_LAKE_ROOT": "lake.root",
    "MINIO_ENDPOINT": "minio.endpoint",
    "MINIO_ACCESS_KEY": "minio.access_key",
    "MINIO_SECRET_KEY": "minio.secret_key",
    "MINIO_BUCKET": "minio.bucket",
    "MINIO_USE_SSL": "minio.use_ssl",
    "HELIX_CHECKPOINT_ROOT": "streams.checkpoint_root",
    "HELIX_MAX_OFFSETS_PER_TRIGGER": "streams.max_offsets_per_trigger",
    "HELIX_METRICS_PORT": "streams.metrics_port",
    "HELIX_SPARK_MASTER": "spark.master",
    "HELIX_SPARK_JARS": "spark.jars",
    "AIRFLOW_URL": "airflow.url",
    "HELIX_AIRFLOW_PORT": "airflow.port",
    "AIRFLOW_USERNAME": "airflow.username",
    "AIRFLOW_PASSWORD": "airflow.password",
    "TRINO_URL": "trino.url",
    "HELIX_TRINO_PORT": "trino.port",
    "HELIX_API_PORT": "api.port",
    "HELIX_JOB_BACKEND": "jobs.backend",
    "HELIX_ALERT_WEBHOOK": "alerts.webhook_url",
}
"""Environment variable -> dotted key. Of two names for one key, the first that is set wins."""

_SECRET = re.compile(r"passw|secret|url|key|token", re.IGNORECASE)


def load(
    path: Path | None = None, environ: Mapping[str, str] = os.environ, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Load the settings: `path` (or `HELIX_CONFIG`) if given, then the environment, then `flags` (dotted keys).

    Raises SettingsError naming the key, the value and where it was looked for.
    """
    path = path or (Path(environ["HELIX_CONFIG"]) if environ.get("HELIX_CONFIG") else None)
    tree: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for key, value, where in [*read_settings_file(path, environ), *_from_environment(environ), *_from_flags(flags)]:
        _put(tree, key, value)
        origin[key] = where
    _reject_malformed_url(tree, origin)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(_explain(error, origin)) from None


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    found = {}
    for name, key in ENVIRONMENT.items():
        if environ.get(name) and key not in found:
            found[key] = (key, environ[name], f"environment variable {name}")
    return list(found.values())


def _from_flags(flags: Mapping[str, Any] | None) -> list[tuple[str, Any, str]]:
    return [(key, value, "command line") for key, value in (flags or {}).items() if value is not None]


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *groups, leaf = key.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{key}: `{group}` is a value, not a group of settings")
    tree[leaf] = value


def _reject_malformed_url(tree: dict[str, Any], origin: Mapping[str, str]) -> None:
    root = tree.get("lake", {}).get("root") if isinstance(tree.get("lake"), dict) else None
    if not root:
        return
    try:
        scheme = urlsplit(str(root)).scheme
    except ValueError as error:
        scheme = str(error)
    if scheme not in {"", "file", "s3a"}:
        where = origin["lake.root"]
        raise SettingsError(f"bad setting `lake.root` = {root!r} (from {where}): a folder, a file: or an s3a:// URL")


def _explain(error: ValidationError, origin: Mapping[str, str]) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    where = origin.get(key) or ", ".join(sorted(set(origin.values()))) or "defaults"
    shown = "***" if _SECRET.search(key) else repr(first["input"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting `{key}` = {shown} (in {where}); see configs/development.yaml for the keys"
    return f"bad setting `{key}` = {shown} (from {where}): {first['msg']}"
