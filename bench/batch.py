"""Each batch job on the SGD conversations: messages per second, memory, and how the time grows with the input.

One session runs every job at 10, 30 and 100 % of the conversations, after one run on the smallest lake that warms the
JVM up; the session's start is measured apart. Jobs over debates and provider calls get as many events from the bundled
corpus; with `--corpus N` its conversations take the place of SGD's too, which name few technologies. ContextCompression
has a budget that most conversations of SGD exceed. `alone` is the same work in one plain process, without Spark and
without writing: the extractor in a loop, scikit-learn for topics, pandas for aggregates and pairs.
"""

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import lakes
import psutil
from alone import ALONE
from deltalake import DeltaTable
from harness import console, publish
from pyspark.sql import SparkSession

from helix_pipeline.catalog import JOBS, Job
from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.tables import EVENT_TABLES
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.local.jars import jar_paths
from helix_pipeline.services.batch import execute
from helix_pipeline.settings import load
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.session import create_session
from helix_pipeline.stores.lake import count_rows

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
SHARES = (0.1, 0.3, 1.0)
POLL_S = 0.2
MESSAGES_PER_DEBATE = 40
OPTIONS: dict[str, dict[str, int | float | str]] = {"ContextCompression": {"budget": 150}}
"""Parameters of jobs other than their defaults."""


@dataclass
class Peak:
    """Highest memory seen, in MB: the JVM's used heap, the JVM's and the Python workers' resident memory."""

    heap: float = 0
    jvm: float = 0
    python: float = 0


def lake_of(folder: Path, share: float, corpus: int) -> str:
    """Make a lake of a share of the conversations, and of as many debates' and calls' events."""
    source = folder / "in"
    source.mkdir(parents=True)
    messages = _write(source / "conversations.jsonl", _corpus(round(corpus * share)) if corpus else _sgd(share))
    others = generate(conversations=0, debates=messages // MESSAGES_PER_DEBATE, provider_calls=messages)
    _write(source / "events.jsonl", map(_line, others))
    return lakes.build(folder / "lake", [source])


def _sgd(share: float) -> Iterator[str]:
    with gzip.open(DATA / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        conversations = [list(group) for _, group in groupby(lines, lambda line: json.loads(line)["conversation_id"])]
    yield from chain.from_iterable(conversations[: round(len(conversations) * share)])


def _corpus(conversations: int) -> Iterator[str]:
    return map(_line, generate(conversations=conversations, debates=0, provider_calls=0))


def _line(event: Event) -> str:
    return event.model_dump_json(exclude_none=True) + "\n"


def _write(path: Path, lines: Iterable[str]) -> int:
    """Write lines and return how many."""
    with path.open("w", encoding="utf-8") as file:
        return sum(1 for line in lines if file.write(line))


@contextmanager
def watched(spark: SparkSession) -> Iterator[Peak]:
    """Sample memory while a block runs."""
    peak, over = Peak(), threading.Event()
    thread = threading.Thread(target=_watch, args=(spark, peak, over), daemon=True)
    thread.start()
    yield peak
    over.set()
    thread.join()


def _watch(spark: SparkSession, peak: Peak, over: threading.Event) -> None:
    runtime = spark.sparkContext._jvm.java.lang.Runtime.getRuntime()
    process = psutil.Process(int(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()))
    while not over.wait(POLL_S):
        peak.heap = max(peak.heap, (runtime.totalMemory() - runtime.freeMemory()) / 2**20)
        peak.jvm = max(peak.jvm, process.memory_info().rss / 2**20)
        peak.python = max(peak.python, sum(map(_resident, process.children(recursive=True))) / 2**20)


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def measure(spark: SparkSession, job: Job, root: str) -> dict[str, Any]:
    """Run a job once and return its record with its peak memory."""
    with console.status(f"{job.type} on {root}"), watched(spark) as peak:
        record = execute(job, JobRun(spark, root, root, None, {**job.defaults, **OPTIONS.get(job.type, {})}))
    return {**record, "peak": peak, "events": count_rows(DeltaTable(f"{root}/{source(job)}"))}


def source(job: Job) -> str:
    """Return the table of events that a job's speed is told in: messages, debate events or provider calls."""
    events = [name for name in job.reads if name in {table.name for table in EVENT_TABLES}]
    return events[0] if events else "conversations"


def row(job: Job, runs: list[dict[str, Any]], alone_s: float | None) -> dict[str, Any]:
    """Return a job's line of the table; growth is the time at 100 % over the time at 10 %, of ten times the input."""
    last = runs[-1]
    return {
        "job": job.type,
        "events": last["events"],
        "rows out": last["rows_out"],
        **{f"{share:.0%} s": run["seconds"] for share, run in zip(SHARES, runs, strict=True)},
        "growth": last["seconds"] / runs[0]["seconds"],
        "events/s": round(last["events"] / last["seconds"]),
        "alone s": alone_s if alone_s is not None else "-",
        "heap MB": round(max(run["peak"].heap for run in runs)),
        "JVM MB": round(max(run["peak"].jvm for run in runs)),
        "Python MB": round(max(run["peak"].python for run in runs)),
    }


def alone(job: Job, root: str) -> float | None:
    """Return the seconds of the same work in one plain process, or None where there is no such thing."""
    if job.type not in ALONE:
        return None
    with console.status(f"{job.type} in one process"):
        start = time.monotonic()
        ALONE[job.type](root)
        return time.monotonic() - start


def main() -> None:
    """Build the lakes, run the jobs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", action="append", help="only this job type; repeatable")
    parser.add_argument("--corpus", type=int, default=0, help="so many conversations of the bundled corpus, not SGD")
    options = parser.parse_args()
    jobs = [job for job in JOBS if not options.job or job.type in options.job]
    folder = Path(tempfile.mkdtemp(prefix="helix-bench-"))
    try:
        _run(folder, jobs, options.corpus)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, jobs: list[Job], corpus: int) -> None:
    with console.status("building lakes"):
        roots = [lake_of(folder / f"{share:.0%}", share, corpus) for share in SHARES]
        warm = shutil.copytree(roots[0], folder / "warm")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    start = time.monotonic()
    spark = create_session(load(environ={}), ",".join(str(path) for path in jar_paths("spark")), "bench-batch")
    started = time.monotonic() - start
    for job in jobs:
        measure(spark, job, str(warm))
    runs = {job.type: [measure(spark, job, root) for root in roots] for job in jobs}
    spark.stop()
    rows = [row(job, runs[job.type], alone(job, roots[-1])) for job in jobs]
    publish("batch-corpus" if corpus else "batch", rows, session_start_s=started)


if __name__ == "__main__":
    main()
