"""`helix sample`: write the bundled corpus as JSONL, into a folder or to standard output."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from helix_pipeline.contracts.events import DebateTurn, Event, MessageAdded, ProviderCalled
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES, PROVIDERS, topic_of
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.errors import UsageError

FILES = {
    CONVERSATIONS.name: "conversations.jsonl",
    DEBATES.name: "debates.jsonl",
    PROVIDERS.name: "provider_calls.jsonl",
}
"""Topic of an event -> the file of the folder that the event is written to."""


def register(app: typer.Typer) -> None:
    """Add the command `sample`."""
    app.command("sample")(sample)


def sample(
    *,
    out: Annotated[str, typer.Option(help="Folder for the JSONL files, or - for standard output")] = "sample",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    conversations: Annotated[int, typer.Option(min=0, help="How many conversations.")] = 240,
    debates: Annotated[int, typer.Option(min=0, help="How many debates.")] = 80,
    provider_calls: Annotated[int, typer.Option(min=0, help="How many provider calls.")] = 4000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as one line of JSON.")] = False,
) -> None:
    """Write a corpus of realistic conversations, debates and provider calls as contract events.

    The totals go to standard output, or to standard error where standard output has the events.
    Files of an earlier run are replaced. Raises UsageError where the folder cannot be written.
    """
    began = time.monotonic()
    events = generate(seed, conversations, debates, provider_calls)
    with ExitStack() as stack:
        write_to = _writers(out, stack)
        counts = _write(_shown(events, conversations + debates + provider_calls, stack), write_to)
    totals: dict[str, object] = {
        "out": out,
        "seed": seed,
        "conversations": conversations,
        "messages": counts[MessageAdded],
        "debates": debates,
        "debate_turns": counts[DebateTurn],
        "provider_calls": counts[ProviderCalled],
        "events": counts.total(),
        "seconds": round(time.monotonic() - began, 2),
    }
    _report(totals, as_json, sys.stderr if out == "-" else sys.stdout)


def _writers(out: str, stack: ExitStack) -> dict[str, TextIO]:
    if out == "-":
        return dict.fromkeys(FILES, sys.stdout)
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {
            topic: stack.enter_context((folder / name).open("w", encoding="utf-8", newline="\n"))
            for topic, name in FILES.items()
        }
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}; name another --out") from None


def _write(events: Iterator[Event], write_to: dict[str, TextIO]) -> Counter[type[Event]]:
    """Write each event as a line to the file of its topic; return how many there were of each type."""
    counts: Counter[type[Event]] = Counter()
    for event in events:
        line = event.model_dump_json(exclude_none=True)
        write_to[topic_of(event).name].write(line + "\n")
        counts[type(event)] += 1
    return counts


def _shown(events: Iterator[Event], entities: int, stack: ExitStack) -> Iterator[Event]:
    """Pass the events on; show on standard error how many conversations, debates and calls are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = progress.add_task("writing the corpus", total=entities)
    current = None
    for event in events:
        if event.key != current:
            current = event.key
            progress.advance(task)
        yield event


def _report(totals: dict[str, object], as_json: bool, stream: TextIO) -> None:
    if as_json:
        stream.write(json.dumps(totals) + "\n")
        return
    table = Table("corpus", "", title="helix sample")
    for name, value in totals.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    Console(file=stream).print(table)
