"""What the benchmarks share: servers of their own, a preloaded topic, tables and JSON results."""

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import psutil
from ports import PORT_KEYS, free_ports
from rich.console import Console
from rich.table import Table

from helix_pipeline.cli.servers import prepare_stores
from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.local import servers
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.bus import EventProducer

RESULTS = Path(__file__).parent / "results"
START = datetime(2026, 6, 1, tzinfo=UTC)

console = Console(stderr=True)


@contextmanager
def installation(**flags: Any) -> Iterator[Settings]:
    """Run all four servers under a new temporary home, on ports of their own."""
    home = Path(tempfile.mkdtemp(prefix="helix-bench-"))
    home.chmod(0o755)
    ports = dict(zip(PORT_KEYS, free_ports(len(PORT_KEYS)), strict=True))
    settings = load(environ={}, flags={"home": str(home), "streams.metrics_port": 0, **ports, **flags})
    try:
        with console.status("starting servers"):
            names = [server.name for server in servers.up(settings)]
            prepare_stores(settings, names)
        yield settings
    finally:
        servers.down(settings)
        shutil.rmtree(home, ignore_errors=True)


def corpus() -> list[MessageAdded]:
    """Return the messages of the bundled corpus as a platform sees them: all conversations go on side by side."""
    messages = [event for event in generate() if isinstance(event, MessageAdded)]
    return sorted(messages, key=lambda message: (message.sequence, message.conversation_id))


def messages(corpus: list[MessageAdded], prefix: str, at: Callable[[int], datetime]) -> Iterator[MessageAdded]:
    """Yield messages without end: the corpus again and again, each time as new conversations of new users.

    Each says something else, if by one number: what is remembered of a text helps with no other one.
    """
    for number in count():
        copy, source = divmod(number, len(corpus))
        message, name = corpus[source], f"{prefix}-{copy}"
        yield message.model_copy(
            update={
                "event_id": f"{name}-{message.event_id}",
                "timestamp": at(number),
                "conversation_id": f"{name}-{message.conversation_id}",
                "message_id": f"{name}-{message.message_id}",
                "user_id": f"{name}-{message.user_id}",
                "content": f"{message.content} {number}",
            }
        )


def preload(settings: Settings, events: int, prefix: str = "bench") -> None:
    """Publish message events; their event times spread over one day."""
    producer = EventProducer(settings)
    load = messages(corpus(), prefix, lambda number: START + timedelta(seconds=number % 86_400))
    with console.status(f"publishing {events:,} events"):
        for event in islice(load, events):
            value = event.__pydantic_serializer__.to_json(event, exclude_none=True)
            producer.publish(CONVERSATIONS.name, event.key, value)
        producer.flush(120)


def machine() -> dict[str, Any]:
    """Describe the machine that measured."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return {"cores": os.cpu_count(), "memory_gib": memory, "python": platform.python_version()}


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table; the first one names the columns."""
    table = Table(*rows[0].keys(), title=title)
    for row in rows:
        table.add_row(*map(_shown, row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _shown(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def publish(name: str, rows: list[dict[str, Any]], **extra: Any) -> None:
    """Print the rows as a table and write them to bench/results/NAME.json."""
    show(f"bench-{name}", rows)
    write(name, rows=rows, **extra)


def publish_parts(name: str, parts: dict[str, list[dict[str, Any]]]) -> None:
    """Print a table for each part and write all of them to bench/results/NAME.json."""
    for part, rows in parts.items():
        show(f"bench-{name}: {part}", rows)
    write(name, parts=parts)


def write(name: str, **found: Any) -> None:
    """Write what was found to bench/results/NAME.json, with the time and the machine."""
    RESULTS.mkdir(exist_ok=True)
    result = {"name": name, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine()}
    (RESULTS / f"{name}.json").write_text(json.dumps({**result, **found}, indent=2), encoding="utf-8")
