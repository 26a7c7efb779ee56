"""Conversations on the terminal: what was said on stdout, for a reader; figures on stderr."""

import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from helix_pipeline.contracts.events import EARLIEST

if TYPE_CHECKING:
    import pyarrow as pa

    from helix_pipeline.domain.context.result import CompressedContext
    from helix_pipeline.services.context.search import Hit
    from helix_pipeline.services.context.stats import ConversationStats

_UNSEEN = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")
"""Control characters but tabulator and line end: what somebody said must not steer the terminal."""

_NO_DAY = EARLIEST.date()
"""The day of messages that came without a time."""

Said = tuple[datetime, str, str]
"""When, who, what."""


def print_json(value: Any) -> None:
    """Print a value of the domain or of a service as one JSON object."""
    typer.echo(msgspec.json.encode(value).decode())


def print_said(messages: Iterable[Said]) -> None:
    """Print messages for a reader, each day's date before its first."""
    console = Console(highlight=False, soft_wrap=True) if sys.stdout.isatty() else None
    day = _NO_DAY
    for at, who, what in messages:
        if at.date() != day:
            day = at.date()
            _print_line(console, Text(written(day), "bold cyan"))
        _print_line(console, Text.assemble((f"{clean(who)}: ", "bold"), clean(what)))


def _print_line(console: Console | None, line: Text) -> None:
    if console:
        console.print(line)
    else:
        typer.echo(line.plain)


def said_in(messages: "pa.Table") -> Iterator[Said]:
    """Yield the messages of a table of `CONVERSATION`."""
    from helix_pipeline.domain.context.conversation import speakers

    columns = (messages["timestamp"], speakers(messages), messages["content"])
    for at, who, what in zip(*(column.to_pylist() for column in columns), strict=True):
        yield at, who or "", what


def print_context(context: "CompressedContext", about: str) -> None:
    """Print what is kept of a conversation, and to stderr the figures and warnings; `about` says where it is from."""
    print_said((kept.timestamp, kept.speaker, kept.text) for kept in (*context.selected, *context.recent))
    stats, console = context.stats, Console(stderr=True, soft_wrap=True, highlight=False)
    kept = len(context.selected) + len(context.recent)
    counted = f"{stats.compressed_tokens:,} of {stats.original_tokens:,} tokens ({stats.ratio:.1%}; {stats.encoding})"
    rows = {
        "kept": f"{counted}, {kept:,} of {stats.original_messages:,} messages",
        "quality": f"{stats.quality_score:.2f}",
        "made": f"{stats.strategy}, {stats.seconds:.2f} s{about}",
        "about": ", ".join(context.key_entities[:10]),
    }
    _print_rows(console, rows)
    for note in filter(None, (context.warning, context.summary_note)):
        console.print(Text(clean(note), "yellow"))


def print_hits(hits: "Iterable[Hit]") -> None:
    """Print messages that were found, each among its neighbours."""
    console = Console(highlight=False, soft_wrap=True)
    for hit in hits:
        place = f"{hit.conversation_id} {hit.message.sequence}, {hit.message.timestamp:%Y-%m-%d %H:%M}"
        console.print(Text.assemble((f"{hit.score:.2f} ", "bold"), (clean(place), "cyan")))
        for one in (*hit.before, hit.message, *hit.after):
            console.print(Text(clean(f"  {one.speaker}: {one.content}"), "" if one is hit.message else "dim"))


def print_stats(found: "ConversationStats") -> None:
    """Print what a conversation is like."""
    numbers = found.sequence
    rows = {
        "messages": f"{found.messages:,}",
        "tokens": f"{found.tokens:,} ({found.encoding})",
        "said": f"{found.first_message:%Y-%m-%d %H:%M} to {found.last_message:%Y-%m-%d %H:%M} UTC",
        "participants": ", ".join(f"{one.name} {one.messages:,}" for one in found.participants),
        "about": ", ".join(found.entities),
        "numbers": f"{numbers.first:,} to {numbers.last:,}, {numbers.missing:,} missing, {numbers.repeated:,} repeated",
        "read from": found.source,
    }
    _print_rows(Console(), rows)


def _print_rows(console: Console, rows: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        table.add_row(name, Text(clean(str(value))))
    console.print(table)


def clean(text: str) -> str:
    """Return a text without control characters."""
    return text.translate(_UNSEEN)


def written(day: date) -> str:
    """Return a date as it is sent to models."""
    return f"{day.day} {day:%B %Y}"
