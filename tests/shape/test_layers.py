"""The shape of the project: layers, and lists that must say the same."""

from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from helix_pipeline.contracts.rows import PARTITION_COLUMNS, partitioned
from helix_pipeline.contracts.tables import EVENT_TABLES
from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.settings import ENVIRONMENT, Settings, load
from helix_pipeline.spark.queries import QUERIES
from helix_pipeline.spark.session import CONF

ROOT = Path(__file__).parents[2]


def test_spark_defaults_say_what_the_session_says():
    lines = (ROOT / "spark-conf" / "spark-defaults.conf").read_text().splitlines()
    written = dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))
    assert {key: written.get(key) for key in CONF} == CONF


def test_development_yaml_lists_every_setting_with_its_default():
    written = yaml.safe_load((ROOT / "configs" / "development.yaml").read_text())["bigdata"]
    secret = {"password", "access_key", "secret_key", "llm_api_key", "embeddings_api_key"}
    defaults = Settings().model_dump(mode="json")
    expected = {
        name: {k: v for k, v in value.items() if k not in secret} if isinstance(value, dict) else value
        for name, value in defaults.items()
    }
    assert written == expected


def test_production_yaml_loads_with_its_variables_set():
    names = ["KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_HOST", "NEO4J_URI", "MINIO_ENDPOINT", "HELIX_CHECKPOINT_ROOT"]
    environ = {**dict.fromkeys(names, "example"), "HELIX_LAKE_ROOT": "s3a://bucket/lake"}
    settings = load(ROOT / "configs" / "production.yaml", environ)
    assert settings.lake_root == "s3a://bucket/lake"


def test_every_environment_variable_names_a_setting():
    for key in ENVIRONMENT.values():
        value = Settings()
        for part in key.split("."):
            assert part in type(value).model_fields, key
            value = getattr(value, part)


def test_every_topic_with_events_of_the_platform_has_a_table_and_queries():
    fed = {table.topic.name for table in EVENT_TABLES if table.topic}
    assert fed == {topic.name for topic in TOPICS} - {"helixagent.deadletter"}
    assert fed == {query.topic.name for query in QUERIES}
    assert len({query.name for query in QUERIES}) == len(QUERIES)


@pytest.mark.parametrize("table", EVENT_TABLES, ids=lambda table: table.name)
def test_lake_schema_ends_with_source_and_partition(table):
    names = partitioned(table.schema).names
    assert names[-3:] == list(PARTITION_COLUMNS)
    assert names[-6:-3] == ["kafka_partition", "kafka_offset", "ingested_at"]
    assert table.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
