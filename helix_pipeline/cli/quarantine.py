"""`helix quarantine`: lists the records that could not be read, exports them, and sends them again."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from helix_pipeline.settings import load

if TYPE_CHECKING:
    from helix_pipeline.services.quarantine import Listing
    from helix_pipeline.services.quarantine_replay import ReplayReport

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
TopicName = Annotated[str | None, typer.Option("--topic", help="Only records of this topic.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only records with this text in their reason.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    commands = typer.Typer(help="Records that could not be read: list, correct, send again.", no_args_is_help=True)
    commands.command("list")(show)
    commands.command("replay")(replay)
    commands.command("export")(export)
    app.add_typer(commands, name="quarantine")


def show(
    topic: TopicName = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=0, help="How many to show, the newest first.")] = 20,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in the quarantine, and how many records there are for each reason."""
    from helix_pipeline.services.quarantine import (  # drivers that others need not load
        Selection,
        list_records,
    )
    from helix_pipeline.stores.ledger import entered

    settings = load(config)
    listing = list_records(settings, Selection(topic, reason), limit)
    sent = entered(settings, [record.id for record in listing.records]) if listing.records else set()
    if as_json:
        _print_json({**asdict(listing), "records": _rows(listing, sent)})
    else:
        _show_listing(listing, sent)


def replay(
    *,
    topic: TopicName = None,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent.")] = False,
    corrected: Annotated[Path | None, typer.Option("--from", help="JSON lines with corrected values.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send records again that this version can read, or with --from the corrected ones, each at most once."""
    from helix_pipeline.errors import UsageError
    from helix_pipeline.services.quarantine import Selection
    from helix_pipeline.services.quarantine_replay import replay as send_again

    if corrected and (topic or reason):
        raise UsageError("--from names its records itself: leave --topic and --reason out")
    report = send_again(load(config), Selection(topic, reason), dry_run, corrected)
    if as_json:
        _print_json(report.as_dict())
    else:
        _show_replay(report)


def export(
    out: Annotated[Path, typer.Option(help="File to write the JSON lines to.")],
    topic: TopicName = None,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Write what still cannot be read as JSON lines, to be corrected and sent with `replay --from`."""
    from helix_pipeline.services.quarantine import Selection
    from helix_pipeline.services.quarantine import export as write

    count = write(load(config), Selection(topic, reason), out)
    Console().print(f"{count:,} records to correct in {out}: then helix quarantine replay --from {out}", markup=False)


def _print_json(document: dict[str, Any]) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


def _rows(listing: "Listing", sent: set[bytes]) -> list[dict[str, Any]]:
    return [
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "time": record.ingested_at.isoformat(),
            "reason": record.reason,
            "preview": record.preview,
            "replayed": record.id in sent,
        }
        for record in listing.records
    ]


def _show_listing(listing: "Listing", sent: set[bytes]) -> None:
    table = Table("topic", "place", "time", "reason", "bytes", "replayed")
    for row in _rows(listing, sent):
        place = f"{row['partition']}:{row['offset']}"
        again = "yes" if row["replayed"] else "no"
        table.add_row(row["topic"], place, row["time"][:19], escape(row["reason"]), escape(row["preview"]), again)
    console = Console()
    console.print(table)
    for reason, count in listing.reasons.items():
        console.print(f"{count:>9,}  {escape(reason)}", highlight=False)
    console.print(f"{listing.total:>9,}  in all; the newest {len(listing.records):,} are shown", highlight=False)


def _show_replay(report: "ReplayReport") -> None:
    console = Console()
    sent = "would be sent" if report.dry_run else "sent again"
    console.print(f"{report.sent:,} {sent}, {report.before:,} were before, {report.left:,} left", highlight=False)
    for reason, count in report.reasons.items():
        console.print(f"{count:>9,}  {escape(reason)}", highlight=False)
