"""The listener: what becomes of a query's progress in the state files that `helix status` reads. No Spark runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
)

from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings
from helix_pipeline.spark.batch import BatchReport
from helix_pipeline.spark.listener import ProgressListener, lag

ERROR = "boom: the store is away\n\tat org.apache.spark.Frame\n"


class Feed:
    """Sends a listener the events of one query, as Spark makes them."""

    def __init__(self, home: Path) -> None:
        self.name = f"lake.{uuid4().hex}"
        self.settings = Settings(home=home)
        self.listener = ProgressListener(home / "streams")
        self._ids = {"id": str(uuid4()), "runId": str(uuid4())}

    def started(self) -> None:
        event = {**self._ids, "name": self.name, "timestamp": "2026-06-01T10:00:00.000Z"}
        self.listener.onQueryStarted(QueryStartedEvent.fromJson(event))

    def progressed(self, rows: int, duration_ms: int, batch: int, done: int, latest: int) -> None:
        source = {
            "description": "Kafka",
            "startOffset": "{}",
            "endOffset": json.dumps({"t": {"0": done}}),
            "latestOffset": json.dumps({"t": {"0": latest}}),
            "numInputRows": rows,
            "inputRowsPerSecond": 0.0,
            "processedRowsPerSecond": 0.0,
        }
        progress = {
            **self._ids,
            "name": self.name,
            "timestamp": "2026-06-01T10:00:00.000Z",
            "batchId": batch,
            "batchDuration": duration_ms,
            "numInputRows": rows,
            "stateOperators": [],
            "sources": [source],
            "sink": {"description": "ForeachBatchSink", "numOutputRows": -1},
        }
        self.listener.onQueryProgress(QueryProgressEvent.fromJson({"progress": progress}))

    def idle(self) -> None:
        event = {**self._ids, "timestamp": "2026-06-01T10:00:00.000Z"}
        self.listener.onQueryIdle(QueryIdleEvent.fromJson(event))

    def ended(self, exception: str | None = None) -> None:
        event = {**self._ids, "exception": exception, "errorClassOnException": None}
        self.listener.onQueryTerminated(QueryTerminatedEvent.fromJson(event))

    def wrote(self, written: int, rejected: int = 0, replayed: bool = False) -> None:
        self.listener.batch_written(BatchReport(self.name, written, rejected, replayed))

    def state(self) -> dict[str, object]:
        (state,) = read_progress(self.settings)
        return state

    def metric(self, name: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"query": self.name})


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def progress(*sources: tuple[object, object]) -> dict[str, object]:
    return {"sources": [{"endOffset": done, "latestOffset": latest} for done, latest in sources]}


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([], 0),
        ([(None, None)], 0),
        ([('{"t": {"0": 5}}', None)], 0),
        ([('{"t": {"0": 5}}', '{"t": {"0": 5}}')], 0),
        ([('{"t": {"0": 5, "1": 1}}', '{"t": {"0": 7, "1": 4}}')], 5),
        ([({"t": {"0": 5}}, {"t": {"0": 7}})], 2),
        ([('{"t": {"0": 5}}', '{"t": {"0": 5, "1": 3}}')], 3),
        ([('{"t": {"0": 9, "1": 0}}', '{"t": {"0": 7, "1": 1}}')], 1),
        ([(None, '{"t": {"0": 7}}'), ('{"u": {"0": 1}}', '{"u": {"0": 2}}')], 8),
        ([('{"t": {"0": 5}}', '{"u": {"0": 5}}')], 5),
    ],
)
def test_lag_is_what_kafka_holds_beyond_the_batch(sources, expected):
    assert lag(progress(*sources)) == expected


def test_without_streams_there_is_no_progress(tmp_path):
    assert read_progress(Settings(home=tmp_path)) == []


def test_a_query_that_started_is_running_in_this_process(feed):
    feed.started()
    state = feed.state()
    assert (state["query"], state["state"], state["failures"], state["lag"]) == (feed.name, "running", 0, 0)
    assert state["pid"] == os.getpid()
    assert feed.metric("helixagent_stream_up") == 1


def test_a_batch_gives_rate_lag_and_duration(feed):
    feed.started()
    feed.progressed(rows=100, duration_ms=500, batch=3, done=100, latest=140)
    state = feed.state()
    assert (state["rows_per_second"], state["lag"], state["batch_seconds"], state["batch"]) == (200, 40, 0.5, 3)
    assert feed.metric("helixagent_kafka_consumer_lag") == 40
    feed.progressed(rows=40, duration_ms=0, batch=4, done=140, latest=140)
    assert (feed.state()["rows_per_second"], feed.state()["lag"]) == (0, 0)
    assert feed.metric("helixagent_stream_rows_total") == 140
    assert feed.metric("helixagent_stream_batch_seconds_count") == 2


def test_an_idle_query_has_caught_up(feed):
    feed.started()
    feed.progressed(rows=100, duration_ms=500, batch=0, done=100, latest=140)
    feed.idle()
    assert (feed.state()["rows_per_second"], feed.state()["lag"], feed.state()["batch"]) == (0, 0, 0)
    assert feed.metric("helixagent_kafka_consumer_lag") == 0


def test_what_the_sinks_wrote_adds_up(feed):
    feed.started()
    feed.wrote(5, rejected=1)
    feed.wrote(7, replayed=True)
    state = feed.state()
    assert (state["written"], state["rejected"], state["replayed"]) == (12, 1, 1)
    feed.progressed(rows=1, duration_ms=1, batch=0, done=1, latest=1)
    assert feed.state()["written"] == 12
    names = ("written", "rejected", "replayed_batches")
    assert [feed.metric(f"helixagent_stream_{name}_total") for name in names] == [12, 1, 1]


def test_failures_add_up_over_restarts_and_the_reason_is_one_line(feed):
    for failures in (1, 2):
        feed.started()
        assert feed.state()["state"] == "running"
        feed.ended(ERROR)
        state = feed.state()
        assert (state["state"], state["failures"], state["error"]) == ("failed", failures, "boom: the store is away")
    assert feed.metric("helixagent_stream_failures_total") == 2
    assert feed.metric("helixagent_stream_up") == 0


def test_a_query_that_ended_is_stopped(feed):
    feed.started()
    feed.ended()
    assert (feed.state()["state"], feed.state()["failures"]) == ("stopped", 0)
    assert feed.metric("helixagent_stream_up") == 0


def test_the_folder_holds_one_whole_file_per_query(feed):
    feed.started()
    feed.wrote(1)
    feed.listener.batch_written(BatchReport("graph.conversations", 2))
    names = sorted(path.name for path in (feed.settings.home / "streams").iterdir())
    assert names == ["graph.conversations.json", f"{feed.name}.json"]
    assert [state["query"] for state in read_progress(feed.settings)] == ["graph.conversations", feed.name]


@pytest.mark.parametrize(("ended", "expected"), [(False, "lost"), (True, "stopped")])
def test_a_running_query_whose_process_is_gone_is_lost(feed, ended, expected):
    feed.started()
    if ended:
        feed.ended()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    path = feed.settings.home / "streams" / f"{feed.name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": process.pid}))
    assert feed.state()["state"] == expected
