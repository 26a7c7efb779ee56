"""Logs and metrics: structlog to stderr, and the one list of Prometheus metrics; docs/METRICS.md explains them.

Every label has few values: what comes from outside passes `bounded` first.
"""

import logging
import sys
from collections.abc import Collection

import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server
from structlog.typing import Processor

from helix_pipeline.errors import UsageError

OTHER = "other"
"""The value of a label for what is not on its list."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
KIND_RESULT = ("kind", "result")
ROUTE = ("route", "method")

STREAM_ROWS = Counter("helixagent_stream_rows_total", "Records read from Kafka by a query", ["query"])
STREAM_WRITTEN = Counter("helixagent_stream_written_total", "Rows, or graph deltas, that a query wrote", ["query"])
STREAM_REJECTED = Counter("helixagent_stream_rejected_total", "Records that a query put aside as unreadable", ["query"])
STREAM_REPLAYS = Counter("helixagent_stream_replayed_batches_total", "Batches that a store already had", ["query"])
STREAM_RETRIES = Counter(
    "helixagent_stream_retried_transactions_total", "Transactions that the graph refused for a moment", ["query"]
)
STREAM_FAILURES = Counter("helixagent_stream_failures_total", "Times that a query ended with an error", ["query"])
STREAM_RATE = Gauge("helixagent_stream_rows_per_second", "Records processed per second, last batch", ["query"])
STREAM_LAG = Gauge("helixagent_kafka_consumer_lag", "Records in Kafka that a query has not processed yet", ["query"])
STREAM_UP = Gauge("helixagent_stream_up", "1 while a query runs", ["query"])
STREAM_BATCH_SECONDS = Histogram(
    "helixagent_stream_batch_seconds",
    "Duration of a micro-batch",
    ["query"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
STREAM_FRESHNESS = Gauge(
    "helixagent_stream_freshness_seconds",
    "Seconds from when the brokers took the newest record of the last finished batch to when it could be read",
    ["query"],
)
STREAM_NEWEST = Gauge(
    "helixagent_stream_newest_record_timestamp_seconds",
    "When the brokers took the newest record that a query has made readable, in seconds since 1970",
    ["query"],
)
KAFKA_PRODUCED = Counter("helixagent_kafka_messages_produced", "Records that the brokers acknowledged", ["topic"])
KAFKA_CONSUMED = Counter("helixagent_kafka_messages_consumed", "Records read, again by each reader", ["topic"])
CLICKHOUSE_QUERIES = Counter(
    "helixagent_clickhouse_queries", "Requests to ClickHouse: select, insert, ddl, other; ok or failed", KIND_RESULT
)
CLICKHOUSE_SECONDS = Histogram(
    "helixagent_clickhouse_query_duration_seconds",
    "Time until ClickHouse began to answer",
    ["kind"],
    buckets=SECONDS,
)
CLICKHOUSE_ROWS = Counter(
    "helixagent_clickhouse_rows_inserted", "Rows sent to a table, those that it drops as known included", ["table"]
)
FIGURES = Counter(
    "helixagent_figures",
    "Rows that the API recorded of itself: inserted, kept in files, drained from there, dropped",
    ["table", "result"],
)
NEO4J_QUERIES = Counter("helixagent_neo4j_queries", "Queries to Neo4j: read, write; ok or failed", KIND_RESULT)
NEO4J_SECONDS = Histogram(
    "helixagent_neo4j_query_duration_seconds", "Time of a question to Neo4j with its rows", ["kind"], buckets=SECONDS
)
NEO4J_NODES = Counter("helixagent_neo4j_nodes_created", "Nodes that the streams created")
NEO4J_RELATIONSHIPS = Counter("helixagent_neo4j_relationships_created", "Relationships that the streams created")
COMPONENT_HEALTHY = Gauge(
    "helixagent_bigdata_component_healthy",
    "1 where a component is healthy, 0 where it is degraded, down or disabled",
    ["component"],
)
COMPONENT_ENABLED = Gauge(
    "helixagent_bigdata_component_enabled",
    "1 where a component is on, 0 where it is switched off or not part of this version",
    ["component"],
)
HTTP_REQUESTS = Counter("helixagent_http_requests", "Requests answered, by route template", [*ROUTE, "status"])
HTTP_SECONDS = Histogram(
    "helixagent_http_request_duration_seconds", "Time until an answer was sent as a whole", ROUTE, buckets=SECONDS
)
CONTEXT_EMBEDDINGS = Counter(
    "helixagent_context_embeddings_total",
    "Texts sent to the embeddings endpoint; failed: the static embedding stood in",
    ["result"],
)
CONTEXT_CACHE = Counter(
    "helixagent_context_cache_total", "Look-ups of compressed contexts: hit, shared, miss; failed: Redis", ["result"]
)
CONTEXT_SUMMARIES = Counter(
    "helixagent_context_summaries_total", "Summaries asked of a model: taken, or why not", ["result"]
)

JOURNAL_EVENTS = Counter(
    "helixagent_journal_events_total",
    "Events while Kafka or the ledger was away: kept; drained, or duplicate, when they were back; refused: no room",
    ["result"],
)
JOURNAL_WAITING = Gauge("helixagent_journal_waiting_events", "Events that are in the journal and not in Kafka yet")
JOURNAL_TORN = Counter("helixagent_journal_torn_bytes_total", "Bytes that could not be read when a journal was opened")


def bounded(value: str, known: Collection[str]) -> str:
    """Return the value of a label: `OTHER` where it is not known, so that no input makes series without end."""
    return value if value in known else OTHER


def result(succeeded: bool) -> str:
    """Return the value of the label `result`."""
    return "ok" if succeeded else "failed"


def configure_logs(level: str = "INFO") -> None:
    """Send logs as one line each to stderr: coloured at a terminal, JSON otherwise; warnings of libraries likewise."""
    number = logging.getLevelNamesMapping()[level]
    told: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    shown = [structlog.dev.ConsoleRenderer()] if sys.stderr.isatty() else lines
    structlog.configure(
        processors=[*told, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # Looked up at each line: what runs commands within a process, such as a test, gives each a stderr of its own.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    if logging.lastResort:  # where nobody else, such as Airflow, has said how libraries log
        own = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        formatter = structlog.stdlib.ProcessorFormatter(processors=[own, *shown], foreign_pre_chain=told)
        logging.lastResort.setFormatter(formatter)
        logging.lastResort.setLevel(max(number, logging.WARNING))


def serve_metrics(port: int) -> None:
    """Serve the metrics on loopback for Prometheus; port 0 serves none. Raises UsageError where the port is taken."""
    if not port:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        reason = f"metrics cannot be served on port {port} ({error.strerror})"
        raise UsageError(f"{reason}; set HELIX_METRICS_PORT to another port, or to 0 for none") from None
