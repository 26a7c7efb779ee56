"""The metrics of the streams: from Spark's progress, and from what the sinks report of a batch."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from helix_pipeline import telemetry
from helix_pipeline.contracts.topics import DEADLETTER
from helix_pipeline.spark.batch import BatchReport
from helix_pipeline.stores.kafka_counts import count_consumed, count_produced
from helix_pipeline.stores.warehouse import count_rows
from helix_pipeline.stores.warehouse_calls import count_query


def count_progress(progress: dict[str, Any], seconds: float, rate: float, behind: int) -> None:
    """Note what Spark says of a batch: `seconds` that it took, records a second, and records not processed yet."""
    name = progress["name"]
    telemetry.STREAM_ROWS.labels(name).inc(progress["numInputRows"])
    telemetry.STREAM_RATE.labels(name).set(rate)
    telemetry.STREAM_BATCH_SECONDS.labels(name).observe(seconds)
    telemetry.STREAM_LAG.labels(name).set(behind)
    for topic, rows in _read(progress):
        count_consumed(topic, rows)
    newest = newest_record(progress)
    if newest is not None:
        readable = _seconds(progress["timestamp"]) + seconds
        telemetry.STREAM_NEWEST.labels(name).set(newest)
        telemetry.STREAM_FRESHNESS.labels(name).set(max(0.0, readable - newest))


def count_report(report: BatchReport) -> None:
    """Count what a sink did with a batch, and what its executors did in the stores."""
    telemetry.STREAM_WRITTEN.labels(report.query).inc(report.written)
    telemetry.STREAM_REJECTED.labels(report.query).inc(report.rejected)
    telemetry.STREAM_REPLAYS.labels(report.query).inc(int(report.replayed))
    telemetry.STREAM_RETRIES.labels(report.query).inc(report.retries)
    for seconds in report.inserts:
        count_query("insert", seconds)
    if report.inserts:
        count_rows(report.query.partition(".")[2], report.written)
    telemetry.NEO4J_QUERIES.labels("write", telemetry.result(True)).inc(report.graph.queries)
    telemetry.NEO4J_NODES.inc(report.graph.nodes)
    telemetry.NEO4J_RELATIONSHIPS.inc(report.graph.relationships)
    count_produced(DEADLETTER.name, report.dead_letters)


def newest_record(progress: dict[str, Any]) -> float | None:
    """Return when the brokers took the newest record of a batch, in seconds since 1970; none of an empty one."""
    newest = progress.get("eventTime", {}).get("max")
    return _seconds(newest) if newest and progress["numInputRows"] else None


def _read(progress: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield how many records each source read, with the topic of the source."""
    for source in progress["sources"]:
        for topic in offsets_of(source.get("endOffset")):
            yield topic, source["numInputRows"]


def offsets_of(value: Any) -> dict[str, dict[str, int]]:
    """Return the offsets of a source by topic and partition; a source that has none yet gives nothing."""
    document = json.loads(value) if isinstance(value, str) else value
    return document if isinstance(document, dict) else {}


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
