"""Jobs whose lake is on S3: spark-submit with the endpoint and keys from the environment alone.

Spark and delta-rs commit to one table at once: no commit may be lost.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from cluster import ROOT, SPARK
from deltalake import DeltaTable, write_deltalake
from object_storage import BUCKET, environment

from helix_pipeline.contracts.tables import LAKE_PROVIDER_CALLS, LAKE_TABLES
from helix_pipeline.local.jars import spark_jars
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import Lake, commit, count_rows, create_tables, open_lake, open_table, write_files

pytestmark = [pytest.mark.servers, pytest.mark.spark]

JOB_S = 240
COMMITS = 6
PAUSE_S = 0.5


@pytest.fixture
def lake(on_s3: Settings) -> Lake:
    """A lake in which three calls of a provider were committed one by one, as a stream does."""
    made = open_lake(on_s3)
    create_tables(made, LAKE_TABLES)
    for number in range(3):
        rows = pa.Table.from_pylist([call(number)], schema=LAKE_PROVIDER_CALLS.schema)
        commit(open_table(made, "provider_calls"), write_files(made, LAKE_PROVIDER_CALLS, rows), "test", number)
    return made


def call(number: int) -> dict[str, object]:
    at = datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(seconds=number)
    names = {"schema_version": 1, "event_id": f"e{number}", "metadata": "{}", "event_type": "provider.called"}
    figures = {"latency_ms": 100.0, "tokens_prompt": 10, "tokens_completion": 5, "success": True, "cost": 0.5}
    source = {"kafka_partition": 0, "kafka_offset": number, "ingested_at": at, "timestamp": at}
    return {**names, **figures, **source, "request_id": f"r{number}", "provider": "acme", "model": "large"}


def submit(settings: Settings, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script with spark-submit as a user does, keys in its environment alone."""
    options = ["--properties-file", str(ROOT / "spark-conf" / "spark-defaults.conf"), "--driver-memory", "1g"]
    options += ["--jars", spark_jars(settings.lake_root)]
    for key in ("spark.pyspark.python", "spark.pyspark.driver.python"):
        options += ["--conf", f"{key}={sys.executable}"]
    program = str(SPARK / "bin" / "spark-submit")
    environ = {**os.environ, **environment(settings), "PYTHONPATH": str(ROOT), "SPARK_HOME": str(SPARK)}
    command = [program, *options, str(script), *arguments]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=JOB_S, check=False)


def read(lake: Lake, table: str) -> pa.Table:
    return DeltaTable(lake.uri(table), storage_options=lake.storage_options).to_pyarrow_table()


def test_a_job_reads_and_replaces_its_tables_on_s3(on_s3: Settings, lake: Lake) -> None:
    root = on_s3.lake_root
    script = ROOT / "jobs" / "provider_performance.py"
    done = submit(on_s3, script, "--input", root.replace("s3a://", "s3://"), "--output", root)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["rows_in"] == 3
    (found,) = read(lake, "provider_performance").to_pylist()
    assert (found["provider"], found["requests"], found["cost"]) == ("acme", 3, 1.5)
    assert read(lake, "job_runs").num_rows == 1


def test_maintenance_compacts_what_a_stream_wrote_to_s3(on_s3: Settings, lake: Lake) -> None:
    script = ROOT / "jobs" / "lake_maintenance.py"
    done = submit(on_s3, script, "--input", on_s3.lake_root, "--output", on_s3.lake_root, "--spare-files=0")
    assert done.returncode == 0, done.stderr
    table = open_table(lake, "provider_calls")
    assert (count_rows(table), len(table.file_uris())) == (3, 1)
    rows = pa.Table.from_pylist([call(3)], schema=LAKE_PROVIDER_CALLS.schema)
    assert commit(table, write_files(lake, LAKE_PROVIDER_CALLS, rows), "test", 3)
    assert sorted(read(lake, "provider_calls")["request_id"].to_pylist()) == ["r0", "r1", "r2", "r3"]


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from helix_pipeline.settings import load
from helix_pipeline.spark.session import submitted_session

path, writers, commits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
spark = submitted_session("writer", load())

def write(writer):
    for number in range(commits):
        rows = spark.createDataFrame([(f"spark-{writer}-{number}",)], "id string")
        rows.coalesce(1).write.format("delta").mode("append").save(path)

print("ready", flush=True)
with ThreadPoolExecutor(writers) as pool:
    list(pool.map(write, range(writers)))
"""


def test_spark_and_delta_rs_commit_at_once_and_lose_nothing(on_s3: Settings, s3, tmp_path: Path) -> None:
    lake = open_lake(on_s3)
    uri, options = lake.uri("shared"), lake.storage_options
    write_deltalake(uri, pa.table({"id": ["first"]}), storage_options=options)
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    with ThreadPoolExecutor(1) as pool:
        spark = pool.submit(submit, on_s3, script, lake.spark_uri("shared"), "2", str(COMMITS))
        written = 0
        while not spark.done():
            write_deltalake(uri, pa.table({"id": [f"rust-{written}"]}), mode="append", storage_options=options)
            written += 1
            time.sleep(PAUSE_S)
        assert spark.result().returncode == 0, spark.result().stderr
    by_spark = {f"spark-{writer}-{number}" for writer in range(2) for number in range(COMMITS)}
    found = read(lake, "shared")["id"].to_pylist()
    assert sorted(found) == sorted(by_spark | {f"rust-{number}" for number in range(written)} | {"first"})
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    log = s3[1].list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/_delta_log/")["Contents"]
    assert sum(one["Key"].endswith(".json") for one in log) == 1 + written + 2 * COMMITS
