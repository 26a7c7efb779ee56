"""`helix verify`: compares the stores, with progress on stderr and the counts on stdout."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from helix_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from helix_pipeline.services.verify import StoreCheck, VerifyReport


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("verify")(run)


def run(
    config: Annotated[Path | None, typer.Option(help="YAML settings file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Compare Kafka, lake, ClickHouse and Neo4j with each other; end with 0 only where all agree.

    Events are compared by id, the graph by its counters. What Kafka no longer retains is compared with the
    lake. Run it while nothing is published: a counter does not say when it was raised.
    """
    report = compare(load(config))
    if as_json:
        json.dump(report.as_dict(), sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        show(report, Console())
    if not report.ok:
        raise typer.Exit(1)


def compare(settings: Settings) -> "VerifyReport":
    """Run a verification with progress on stderr. Raises StoreError where a store does not answer."""
    from helix_pipeline.services.verify import verify  # drivers that other commands need not load

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} rows"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        return verify(settings, lambda step, total=None: _step(bar, step, total))


def show(report: "VerifyReport", console: Console) -> None:
    """Print a report for people."""
    console.print(_table(report.stores))
    for example in report.examples:
        console.print(f"[red]{escape(example.kind)} {escape(example.id)}[/red]")
        for problem in example.problems:
            console.print(f"  {escape(problem)}", highlight=False)
    for note in _notes(report):
        console.print(f"[yellow]{note}[/yellow]", highlight=False)
    verdict = "[green]all stores agree[/green]" if report.ok else "[red]the stores disagree[/red]"
    console.print(f"{verdict} ({report.seconds:.1f} s)")


def _step(bar: Progress, step: str, total: int | None) -> Callable[[int], None]:
    for finished in bar.tasks:
        bar.update(finished.id, total=finished.completed)
    task = bar.add_task(step, total=total)
    return lambda rows: bar.advance(task, rows)


def _table(checks: "tuple[StoreCheck, ...]") -> Table:
    table = Table("store", "what")
    for column in ("expected", "found", "missing", "duplicate", "extra", ""):
        table.add_column(column, justify="right")
    for check in checks:
        counts = (check.expected, check.found, check.missing, check.duplicate, check.extra)
        verdict = "[green]ok[/green]" if check.ok else "[red]wrong[/red]"
        table.add_row(check.store, check.subject, *(f"{count:,}" for count in counts), verdict)
    return table


def _notes(report: "VerifyReport") -> list[str]:
    again = sum(check.duplicate for check in report.stores if check.store == "kafka")
    notes = {
        f"{again:,} events were published more than once, by producers that do not use the ledger": again,
        f"{report.waiting:,} quarantined records can be read now: helix quarantine replay": report.waiting,
        f"{report.arrived:,} records arrived meanwhile: the graph may differ, verify again": report.arrived,
    }
    return [note for note, count in notes.items() if count]
