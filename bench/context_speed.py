"""How fast a conversation comes back: compressed, from 10 thousand to 10 million tokens, and through the service.

The conversations are SGD, one message after the other again and again. `compress` is the domain function in a process
of its own, on one core; its memory is what the process grew by beyond its peak while it made the conversation. The
service reads from the real ClickHouse, whose rows the real stream wrote; `floor` is the same query of the same rows
without the service.
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from harness import START, console, installation

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.context.conversation import CONVERSATION, ordered
from helix_pipeline.domain.context.engine import compress
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.local.jars import jar_paths
from helix_pipeline.services.context.replay import replay, stream
from helix_pipeline.services.context.requests import ReplayRequest
from helix_pipeline.services.context.search import SearchRequest, search
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.services.streaming import run
from helix_pipeline.settings import Settings
from helix_pipeline.spark.session import create_session
from helix_pipeline.stores.bus import EventProducer
from helix_pipeline.stores.warehouse import client, open_warehouse

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
MESSAGES = {"10 k": 640, "100 k": 6_400, "1 M": 64_000, "10 M": 640_000}
"""Messages of SGD that have about so many tokens."""

LONG = MESSAGES["1 M"]
CALLS = 500


def said(number: int) -> Iterator[dict[str, Any]]:
    """Yield so many messages of SGD, half a minute apart, as one conversation."""
    with gzip.open(DATA / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [(row["role"], row["content"]) for row in map(json.loads, lines)]
    for place, (role, content) in enumerate(islice(cycle(texts), number)):
        names = {"conversation_id": "long", "message_id": f"m{place}", "event_id": f"e{place}", "sequence": place}
        yield {**names, "timestamp": START + timedelta(seconds=30 * place), "role": role, "content": content}


def grown() -> list[dict[str, Any]]:
    """Return what compression costs at each length, each measured in a process of its own."""
    rows = []
    for name, number in MESSAGES.items():
        with console.status(f"compressing {name} tokens"):
            command = [sys.executable, str(Path(__file__)), "--compress", str(number)]
            one = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            done = subprocess.run(command, env=one, capture_output=True, text=True, check=True, timeout=1800)
            rows.append({"what": f"compress {name}", **json.loads(done.stdout.splitlines()[-1])})
    return rows


def compression(number: int) -> dict[str, Any]:
    """Return time, rate and memory of compressing so many messages to 30 %: the best of three, after one of a few."""
    pa.set_cpu_count(1)
    messages = ordered(pa.Table.from_pylist(list(said(number)), CONVERSATION))
    compress(messages.slice(0, 100), CompressionRequest())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = [compress(messages, CompressionRequest()).stats for _ in range(3)]
    best = min(runs, key=lambda stats: stats.seconds)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rate = best.original_tokens / best.seconds
    return {"tokens": best.original_tokens, "s": best.seconds, "tokens/s": int(rate), "MB more": int(memory)}


def served() -> list[dict[str, Any]]:
    """Return what the service takes for a conversation of a million tokens."""
    with installation() as settings:
        _load(settings)
        return [*_floor(settings), *_cold(settings), *_whole(settings), *_warm(settings)]


def _load(settings: Settings) -> None:
    producer = EventProducer(settings)
    for row in said(LONG):
        event = MessageAdded(**row)
        producer.publish(CONVERSATIONS.name, event.key, event.__pydantic_serializer__.to_json(event, exclude_none=True))
    producer.flush(120)
    spark = create_session(settings, ",".join(map(str, jar_paths("spark"))), "bench-context")
    with console.status("streaming into the lake and ClickHouse"):
        run(spark, settings, ["lake.conversations", "warehouse.conversation_messages"], until_caught_up=True)
    spark.stop()


def _floor(settings: Settings) -> list[dict[str, Any]]:
    names = ", ".join(CONVERSATION.names)
    query = f"SELECT {names} FROM conversation_messages WHERE conversation_id = 'long' ORDER BY sequence"
    with client(open_warehouse(settings)) as house:
        found = house.query_arrow(query, use_strings=True)
        rows = [_timed("floor: the same rows from ClickHouse, Arrow", lambda: house.query_arrow(query), 5)]
    size = sum(map(len, found["content"].to_pylist())) / 1e6
    return [{**row, "MB/s": size / row["p50 ms"] * 1000} for row in rows]


def _cold(settings: Settings) -> list[dict[str, Any]]:
    """Each call in a service that has seen nothing; the process itself is warm after the first."""

    def once(**wanted: Any) -> Callable[[], Any]:
        def call() -> Any:
            with ContextStores(settings) as stores:
                return replay(stores, ReplayRequest(conversation_id="long", **wanted))

        return call

    def looked() -> Any:
        with ContextStores(settings) as stores:
            return search(stores, SearchRequest(conversation_id="long", query="a cheap hotel in Paris with a pool"))

    return [
        _timed("cold replay, first page of 1,000", once(compression_strategy="none", limit=1000), 5),
        _timed("cold replay, compressed to 30 %", once(ratio=0.3), 3),
        _timed("cold replay, compressed to 4,000 tokens", once(max_tokens=4000), 3),
        _timed("cold replay, 4,000 tokens, with a query", once(max_tokens=4000, query="a hotel in Paris"), 3),
        _timed("cold search", looked, 3),
    ]


def _whole(settings: Settings) -> list[dict[str, Any]]:
    with ContextStores(settings) as stores:
        size = 0

        def drained() -> None:
            nonlocal size
            wanted = ReplayRequest(conversation_id="long", compression_strategy="none")
            size = sum(map(len, stream(stores, wanted).ndjson()))

        row = _timed("whole replay as NDJSON", drained, 5)
    return [{**row, "MB/s": size / 1e6 / row["p50 ms"] * 1000}]


def _warm(settings: Settings) -> list[dict[str, Any]]:
    with ContextStores(settings) as stores:

        def cached(**wanted: Any) -> Callable[[], Any]:
            return lambda: replay(stores, ReplayRequest(conversation_id="long", **wanted))

        def found() -> Any:
            return search(stores, SearchRequest(conversation_id="long", query="a cheap hotel in Paris with a pool"))

        for warm in (cached(ratio=0.3), cached(max_tokens=4000), found):
            warm()
        return [
            _timed("cached replay, 30 %", cached(ratio=0.3), CALLS),
            _timed("cached replay, 4,000 tokens", cached(max_tokens=4000), CALLS),
            _timed("search, index cached", found, 100),
        ]


def _timed(what: str, call: Callable[[], Any], calls: int) -> dict[str, Any]:
    taken = []
    with console.status(what):
        for _ in range(calls):
            begin = time.perf_counter()
            call()
            taken.append(1000 * (time.perf_counter() - begin))
    p50, p99 = np.percentile(taken, [50, 99]).tolist()
    return {"what": what, "calls": calls, "p50 ms": p50, "p99 ms": p99, "MB/s": ""}


def rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of the growth and of the service."""
    return grown(), served()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compress"]:
        print(json.dumps(compression(int(sys.argv[2]))))
    else:
        for row in [*grown(), *served()]:
            print(row)
