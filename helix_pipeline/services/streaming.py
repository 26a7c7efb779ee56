"""Running the streaming queries: start, watch, restart after a failure, stop."""

import fcntl
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.errors import StreamError
from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings
from helix_pipeline.spark.listener import ProgressListener
from helix_pipeline.spark.queries import Query, runnable, start
from helix_pipeline.stores.lake import create_tables, open_lake

log = structlog.get_logger()

POLL_S = 0.2
BACKOFF_S = (1, 2, 4, 8, 15, 30)
_CAUSE = re.compile(r"^(?:: |Caused by: )?((?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception): .*)$", re.MULTILINE)
_WRAPPERS = ("py4j.protocol.", "org.apache.spark.api.python.PythonException: Traceback")


@dataclass
class _Running:
    """A query with its restarts; `attempts` counts failures since the last batch that went through."""

    query: Query
    handle: StreamingQuery
    attempts: int = 0
    last_batch: int = -1
    retry_at: float | None = None


def run(
    spark: SparkSession,
    settings: Settings,
    names: Sequence[str] = (),
    until_caught_up: bool = False,
    on_tick: Callable[[list[dict[str, Any]]], None] | None = None,
) -> None:
    """Run the queries of these names (all where none) that are on until they have caught up, or until TERM or INT.

    A query that fails is started again from its checkpoint with growing pauses. Raises StreamError when one fails
    `streams.restart_limit` times in a row without a batch going through, or runs in another process already.
    """
    queries = runnable(names, settings.features)
    with claimed(settings, queries):
        _run(spark, settings, queries, until_caught_up, on_tick)


def _run(
    spark: SparkSession,
    settings: Settings,
    queries: Sequence[Query],
    until_caught_up: bool,
    on_tick: Callable[[list[dict[str, Any]]], None] | None,
) -> None:
    stop, restore = _stop_on_signal()
    create_tables(open_lake(settings), LAKE_TABLES)
    listener = ProgressListener(settings.home / "streams")
    spark.streams.addListener(listener)
    begin = partial(_begin, spark, settings, listener, until_caught_up)
    running = [_Running(query, begin(query)) for query in queries]
    try:
        while running and not stop.is_set():
            running = [item for item in running if _watch(item, begin, settings)]
            if on_tick:
                on_tick(read_progress(settings))
            stop.wait(POLL_S)
    finally:
        for item in running:
            item.handle.stop()
        _settle(listener)
        spark.streams.removeListener(listener)
        restore()


@contextmanager
def claimed(settings: Settings, queries: Sequence[Query]) -> Iterator[None]:
    """Hold a lock per query: two processes on one checkpoint would write batches apart from each other."""
    folder = settings.home / "streams"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for query in queries:
            file = held.enter_context((folder / f"{query.name}.lock").open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StreamError(
                    f"query {query.name} runs in another process of {settings.home}; stop it first"
                ) from None
        yield


def _begin(
    spark: SparkSession, settings: Settings, listener: ProgressListener, until_caught_up: bool, query: Query
) -> StreamingQuery:
    return start(spark, settings, query, listener.batch_written, until_caught_up)


def _watch(item: _Running, begin: Callable[[Query], StreamingQuery], settings: Settings) -> bool:
    """Look after one query; returns whether it still has something to do."""
    if item.retry_at is not None:
        if time.monotonic() >= item.retry_at:
            item.handle, item.retry_at = begin(item.query), None
        return True
    if item.handle.isActive:
        return True
    error = item.handle.exception()
    if error is None:
        return False
    _plan_restart(item, error, settings)
    return True


def _plan_restart(item: _Running, error: StreamingQueryException, settings: Settings) -> None:
    progress = item.handle.lastProgress
    batch = int(progress["batchId"]) if progress else -1
    item.attempts = 1 if batch > item.last_batch else item.attempts + 1
    item.last_batch = max(batch, item.last_batch)
    reason = cause(str(error))
    if item.attempts > settings.streams.restart_limit:
        raise StreamError(f"query {item.query.name} failed {item.attempts} times in a row: {reason}")
    pause = BACKOFF_S[min(item.attempts, len(BACKOFF_S)) - 1]
    log.warning("stream.restart", query=item.query.name, attempt=item.attempts, pause_s=pause, reason=reason)
    item.retry_at = time.monotonic() + pause


def cause(text: str) -> str:
    """Return the line of a Spark error that says what went wrong, not the frames and wrappers around it."""
    causes = [line for line in _CAUSE.findall(text) if not line.startswith(_WRAPPERS)]
    return str(causes[-1] if causes else text.splitlines()[0])[:300]


def _settle(listener: ProgressListener, timeout_s: float = 5.0) -> None:
    """Let the listener hear that the queries ended: Spark tells it on a thread of its own."""
    deadline = time.monotonic() + timeout_s
    while listener.running() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _stop_on_signal() -> tuple[threading.Event, Callable[[], None]]:
    """Return an event that TERM and INT set, and what gives the signals back to whoever had them."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        return event, lambda: None
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: event.set()) for number in numbers]

    def restore() -> None:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    return event, restore
