"""Where object storage is and who may use it: `MINIO_*` as each part takes it, and keys in no setting of Spark."""

from helix_pipeline.settings import Settings, load
from helix_pipeline.spark.s3 import s3_conf
from helix_pipeline.stores.lake import open_lake

LAKE = {"HELIX_LAKE_ROOT": "s3a://bucket/lake"}
KEYS = {"MINIO_ACCESS_KEY": "the-user", "MINIO_SECRET_KEY": "the-secret"}


def on(endpoint: str, use_ssl: str = "true") -> Settings:
    return load(environ={**LAKE, **KEYS, "MINIO_ENDPOINT": endpoint, "MINIO_USE_SSL": use_ssl})


def test_an_endpoint_without_a_scheme_gets_it_from_use_ssl():
    assert on("localhost:9000", "false").minio.endpoint_url == "http://localhost:9000"
    assert on("localhost:9000").minio.endpoint_url == "https://localhost:9000"


def test_a_scheme_counts_instead_of_use_ssl():
    assert on("http://127.0.0.1:9000", "true").minio.endpoint_url == "http://127.0.0.1:9000"
    assert on("https://s3.example", "false").minio.endpoint_url == "https://s3.example"


def test_without_an_endpoint_it_is_amazons():
    settings = load(environ=LAKE)
    assert settings.minio.endpoint_url is None
    assert "spark.hadoop.fs.s3a.endpoint" not in s3_conf(settings)
    assert "AWS_ENDPOINT_URL" not in open_lake(settings).storage_options


def test_delta_rs_and_spark_take_the_same_place():
    options, conf = open_lake(on("http://minio:9000")).storage_options, s3_conf(on("http://minio:9000"))
    assert options["AWS_ENDPOINT_URL"] == conf["spark.hadoop.fs.s3a.endpoint"] == "http://minio:9000"
    assert (options["AWS_ALLOW_HTTP"], conf["spark.hadoop.fs.s3a.connection.ssl.enabled"]) == ("true", "false")
    assert options["AWS_REGION"] == conf["spark.hadoop.fs.s3a.endpoint.region"] == "us-east-1"
    secure = open_lake(on("minio:9000")).storage_options
    assert (secure["AWS_ENDPOINT_URL"], secure["AWS_ALLOW_HTTP"]) == ("https://minio:9000", "false")


def test_keys_are_in_no_setting_of_spark():
    found = " ".join(s3_conf(on("minio:9000")).values())
    assert "the-user" not in found
    assert "the-secret" not in found
