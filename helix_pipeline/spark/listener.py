"""Listens to the streaming queries: each progress becomes metrics and a small file that `helix status` reads."""

import json
import os
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from py4j.java_gateway import JavaObject
from pyspark import SparkContext
from pyspark.sql.streaming.listener import (
    JStreamingQueryListener,
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from helix_pipeline import telemetry
from helix_pipeline.spark.batch import BatchReport
from helix_pipeline.spark.stream_metrics import count_progress, count_report, offsets_of


class _Bridge(JStreamingQueryListener):  # type: ignore[misc]
    """Hands Spark's events on, a progress as one JSON text.

    PySpark's own asks the JVM for each figure by itself: a fifth of what the streams cost at a thousand events/s.
    """

    def onQueryProgress(self, jevent: JavaObject) -> None:  # noqa: N802
        progress = StreamingQueryProgress.fromJson(json.loads(jevent.progress().json()))
        self.pylistener.onQueryProgress(QueryProgressEvent(progress))


class ProgressListener(StreamingQueryListener):  # type: ignore[misc]
    """Keeps the newest state of each query under `folder`, one JSON file each, and the metrics."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._states: dict[str, dict[str, Any]] = {}
        self._names: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def _jlistener(self) -> JavaObject:
        """Return what PySpark registers with the JVM."""
        return SparkContext._jvm.PythonStreamingQueryListenerWrapper(_Bridge(self))

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        """Mark the query as running."""
        self._names[str(event.id)] = str(event.name)
        telemetry.STREAM_UP.labels(event.name).set(1)
        self._write(str(event.name), state="running", error=None)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Keep rate, lag and duration of a batch."""
        progress = json.loads(event.progress.json)
        name, rows = progress["name"], progress["numInputRows"]
        seconds = progress["batchDuration"] / 1000
        rate = rows / seconds if seconds else 0.0
        count_progress(progress, seconds, rate, lag(progress))
        self._write(name, rows_per_second=rate, lag=lag(progress), batch_seconds=seconds, batch=progress["batchId"])

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Nothing to read: the query has caught up."""
        name = self._names.get(str(event.id))
        if name:
            telemetry.STREAM_LAG.labels(name).set(0)
            self._write(name, rows_per_second=0.0, lag=0)

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Mark the query as stopped, or failed with its error."""
        name = self._names.get(str(event.id), str(event.id))
        telemetry.STREAM_UP.labels(name).set(0)
        if event.exception:
            telemetry.STREAM_FAILURES.labels(name).inc()
            failures = self._states.get(name, {}).get("failures", 0) + 1
            self._write(name, state="failed", failures=failures, error=_first_line(event.exception))
        else:
            self._write(name, state="stopped")

    def batch_written(self, report: BatchReport) -> None:
        """Count what a sink did with a batch."""
        count_report(report)
        state = self._states.get(report.query, {})
        self._write(
            report.query,
            written=state.get("written", 0) + report.written,
            rejected=state.get("rejected", 0) + report.rejected,
            replayed=state.get("replayed", 0) + int(report.replayed),
            retries=state.get("retries", 0) + report.retries,
        )

    def running(self) -> list[str]:
        """Return the queries that started and were not heard to end."""
        return [name for name, state in self._states.items() if state["state"] == "running"]

    def _write(self, name: str, **changes: Any) -> None:
        start = {
            "query": name,
            "state": "running",
            "rows_per_second": 0.0,
            "lag": 0,
            "batch_seconds": 0.0,
            "failures": 0,
        }
        state = {
            **start,
            **self._states.get(name, {}),
            **changes,
            "pid": os.getpid(),
            "updated_at": time.time(),
        }
        self._states[name] = state
        path = self._folder / f"{name}.json"
        path.with_suffix(".tmp").write_text(json.dumps(state), encoding="utf-8")
        path.with_suffix(".tmp").replace(path)


def lag(progress: dict[str, Any]) -> int:
    """Return how many records were in Kafka but not yet processed at the end of a batch."""
    total = 0
    for source in progress["sources"]:
        latest, done = _offsets(source.get("latestOffset")), _offsets(source.get("endOffset"))
        total += sum(max(0, latest[key] - done.get(key, 0)) for key in latest)
    return total


def _offsets(value: Any) -> dict[tuple[str, str], int]:
    return {(topic, p): int(offset) for topic, parts in offsets_of(value).items() for p, offset in parts.items()}


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300]
