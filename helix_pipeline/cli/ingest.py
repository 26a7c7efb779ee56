"""`helix ingest`: files to Kafka, with progress on stderr and the totals on stdout."""

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from helix_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from helix_pipeline.services.ingest import IngestReport, Progress


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("ingest")(run)


def run(
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, or - for standard input.")],
    config: Annotated[Path | None, typer.Option(help="YAML settings file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    strict: Annotated[bool, typer.Option(help="End with 2 where anything was rejected or ignored.")] = False,
) -> None:
    """Publish conversations and debates to Kafka, each event once, however often its file is read.

    Reads contract events, conversations, debates and preferences as JSONL, OpenAI chat JSONL, ChatGPT exports
    and ShareGPT, also as .gz; the format is found out from the content. Ends with 2 where a file is bad or of
    no known format; lines rejected within a good file are shown.
    """
    report = publish(load(config), paths, quiet)
    if as_json:
        json.dump(report.as_dict(), sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        _show(report)
    if report.bad_files or (strict and (report.rejected or report.ignored_files)):
        raise typer.Exit(2)


def publish(settings: Settings, paths: list[Path], quiet: bool = False) -> "IngestReport":
    """Ingest with a progress bar on stderr."""
    from helix_pipeline.services.ingest import ingest  # drivers that other commands need not load

    bar = _bar(disable=quiet)
    with nullcontext() if quiet else bar:
        return ingest(settings, paths, _advance(bar))


def _bar(disable: bool) -> Bar:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[read]:,} events"),
    )
    return Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=disable)


def _advance(bar: Bar) -> "Callable[[Progress], None]":
    """Return what shows the progress: a line per file, of which the older ones give way."""
    tasks: dict[str, TaskID] = {}

    def advance(progress: "Progress") -> None:
        if progress.file not in tasks:
            for task in tasks.values():
                bar.remove_task(task)
            tasks.clear()
            tasks[progress.file] = bar.add_task(escape(Path(progress.file).name), total=progress.size, read=0)
        bar.update(tasks[progress.file], completed=progress.consumed, read=progress.read)

    return advance


def _show(report: "IngestReport") -> None:
    console = Console()
    table = Table("ingest", "total", show_header=False)
    for name in ("files", "read", "accepted", "duplicates", "rejected", "skipped"):
        table.add_row(name, f"{getattr(report, name):,}")
    table.add_row("seconds", f"{report.seconds:.1f}")
    table.add_row("events/s", f"{report.read / report.seconds:,.0f}" if report.seconds else "")
    console.print(table)
    for reason, count in report.reasons.most_common():
        console.print(f"{count:,} rejected: {escape(reason)}", style="yellow")
        for example in report.examples[reason]:
            console.print(f"  {escape(example)}", soft_wrap=True)
    for ignored in report.ignored_files:
        console.print(f"ignored: {escape(ignored)}", style="dim", soft_wrap=True)
