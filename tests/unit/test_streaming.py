"""Running queries: what is refused before Spark does anything."""

import fcntl

import pytest

from helix_pipeline.errors import StreamError, UsageError
from helix_pipeline.services.streaming import cause, run
from helix_pipeline.settings import load
from helix_pipeline.telemetry import serve_metrics


def test_a_query_that_runs_in_another_process_is_refused(tmp_path):
    settings = load(environ={}, flags={"home": str(tmp_path)})
    folder = tmp_path / "streams"
    folder.mkdir()
    with (folder / "lake.debates.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StreamError, match=r"query lake\.debates runs in another process"):
            run(None, settings, ["lake"])


def test_an_unknown_query_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown query 'lakes'"):
        run(None, load(environ={}, flags={"home": str(tmp_path)}), ["lakes"])


def test_a_taken_metrics_port_is_named(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=f"port {taken.getsockname()[1]} .*HELIX_METRICS_PORT"):
            serve_metrics(taken.getsockname()[1])


JVM_ERROR = """[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: boom
py4j.protocol.Py4JJavaError: An error occurred while calling o682.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 in stage 5.0 failed
\tat org.apache.spark.Frame
Caused by: java.net.SocketTimeoutException: Read timed out
\tat java.base/sun.nio.Frame
"""
PYTHON_ERROR = """[STREAM_FAILED] Query terminated
Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "warehouse.py", line 3, in insert
helix_pipeline.errors.StoreError: ClickHouse is away

\tat org.apache.spark.Frame
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JVM_ERROR, "java.net.SocketTimeoutException: Read timed out"),
        (PYTHON_ERROR, "helix_pipeline.errors.StoreError: ClickHouse is away"),
        ("no cause here\nat all", "no cause here"),
    ],
    ids=["jvm", "python", "neither"],
)
def test_the_innermost_cause_of_a_failure_is_named(text, expected):
    assert cause(text) == expected
