"""Configuration: defaults < YAML file < environment < flags, checked once, with errors that name key, value and place.

The YAML root is `bigdata:`; `${VAR}` and `${VAR:-default}` are expanded from the environment. Which environment
variable sets which key is listed in `ENVIRONMENT`.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from helix_pipeline.errors import SettingsError
from helix_pipeline.settings_file import read_settings_file
from helix_pipeline.settings_sections import (
    MASTER_SWITCH,
    AirflowSettings,
    AlertSettings,
    ApiSettings,
    ClickHouseSettings,
    ContextSettings,
    FeatureSettings,
    GraphSettings,
    JobSettings,
    KafkaSettings,
    LakeSettings,
    MetricsSettings,
    Neo4jSettings,
    PostgresSettings,
    RetentionSettings,
    S3Settings,
    Section,
    SparkSettings,
    StreamSettings,
    TrinoSettings,
)


class Settings(Section):
    """All settings of one installation."""

    home: Path = Path(".helix")
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    neo4j: Neo4jSettings = Neo4jSettings()
    postgres: PostgresSettings = PostgresSettings()
    lake: LakeSettings = LakeSettings()
    graph: GraphSettings = GraphSettings()
    retention: RetentionSettings = RetentionSettings()
    minio: S3Settings = S3Settings()
    streams: StreamSettings = StreamSettings()
    spark: SparkSettings = SparkSettings()
    airflow: AirflowSettings = AirflowSettings()
    trino: TrinoSettings = TrinoSettings()
    api: ApiSettings = ApiSettings()
    jobs: JobSettings = JobSettings()
    alerts: AlertSettings = AlertSettings()
    context: ContextSettings = ContextSettings()
    features: FeatureSettings = FeatureSettings()
    metrics: MetricsSettings = MetricsSettings()

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
    "HELIX_JOURNAL_MAX_MB": "kafka.journal_max_mb",
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
    "HELIX_EXTRACTOR_MODEL": "graph.model",
    "GRAPH_LLM_BASE_URL": "graph.llm_base_url",
    "GRAPH_LLM_MODEL": "graph.llm_model",
    "GRAPH_LLM_API_KEY": "graph.llm_api_key",
    "GRAPH_LLM_TIMEOUT": "graph.llm_timeout_s",
    "HELIX_GRAPH_EMBEDDINGS": "graph.embeddings",
    "HELIX_GRAPH_EMBEDDING_SIZE": "graph.embedding_size",
    "HELIX_KAFKA_RETENTION_HOURS": "retention.kafka_hours",
    "HELIX_CLICKHOUSE_RETENTION_DAYS": "retention.clickhouse_days",
    "HELIX_GRAPH_ARCHIVE_AFTER_DAYS": "retention.graph_days",
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
    "CONTEXT_COMPRESSION_STRATEGY": "context.strategy",
    "CONTEXT_COMPRESSION_RATIO": "context.ratio",
    "CONTEXT_MAX_TOKENS": "context.max_tokens",
    "CONTEXT_MIN_QUALITY_SCORE": "context.min_quality",
    "CONTEXT_IMPORTANCE_THRESHOLD": "context.importance_threshold",
    "CONTEXT_RETRIEVAL_TOP_K": "context.retrieval_top_k",
    "CONTEXT_ENCODING": "context.encoding",
    "CONTEXT_CACHE_SIZE": "context.cache_size",
    "CONTEXT_CACHE_TTL": "context.cache_ttl_s",
    "CONTEXT_CACHE_BYTES": "context.cache_bytes",
    "REDIS_URL": "context.redis_url",
    "CONTEXT_LLM_BASE_URL": "context.llm_base_url",
    "CONTEXT_LLM_MODEL": "context.llm_model",
    "CONTEXT_LLM_API_KEY": "context.llm_api_key",
    "CONTEXT_LLM_TIMEOUT": "context.llm_timeout_s",
    "CONTEXT_EMBEDDINGS_BASE_URL": "context.embeddings_base_url",
    "CONTEXT_EMBEDDINGS_MODEL": "context.embeddings_model",
    "CONTEXT_EMBEDDINGS_API_KEY": "context.embeddings_api_key",
    MASTER_SWITCH: "features.enabled",
    "BIGDATA_ENABLE_INFINITE_CONTEXT": "features.infinite_context",
    "BIGDATA_ENABLE_DISTRIBUTED_MEMORY": "features.distributed_memory",
    "BIGDATA_ENABLE_KNOWLEDGE_GRAPH": "features.knowledge_graph",
    "BIGDATA_ENABLE_ANALYTICS": "features.analytics",
    "BIGDATA_ENABLE_CROSS_LEARNING": "features.cross_learning",
    "HELIX_PUSHGATEWAY_URL": "metrics.pushgateway_url",
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
