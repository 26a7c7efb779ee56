"""Logs and metrics: structlog to stderr, and the Prometheus metrics of the streams."""

import logging
import sys

import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from helix_pipeline.errors import UsageError

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


def configure_logs(level: str = "INFO") -> None:
    """Send logs as one line each to stderr: coloured at a terminal, JSON otherwise."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Looked up at each line: what runs commands within a process, such as a test, gives each a stderr of its own.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def serve_metrics(port: int) -> None:
    """Serve the metrics on loopback for Prometheus; port 0 serves none. Raises UsageError where the port is taken."""
    if not port:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        reason = f"metrics cannot be served on port {port} ({error.strerror})"
        raise UsageError(f"{reason}; set HELIX_METRICS_PORT to another port, or to 0 for none") from None
