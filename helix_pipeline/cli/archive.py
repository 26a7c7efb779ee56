"""`helix archive`: conversations and debates as Parquet files beside the lake's tables."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from helix_pipeline.errors import UsageError
from helix_pipeline.settings import load

if TYPE_CHECKING:
    from helix_pipeline.services.archive import Archived

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    commands = typer.Typer(help="Write conversations and debates to archive/ in the lake.", no_args_is_help=True)
    commands.command("conversation")(conversation)
    commands.command("debate")(debate)
    commands.command("day")(day)
    app.add_typer(commands, name="archive")


def conversation(
    conversation_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the conversation.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Archive one conversation; end with 2 where the lake does not have it."""
    from helix_pipeline.services.archive import archive_conversation  # drivers that other commands need not load

    _show([archive_conversation(load(config), conversation_id)], as_json)


def debate(
    debate_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the debate.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Archive one debate; end with 2 where the lake does not have it."""
    from helix_pipeline.services.archive import archive_debate  # drivers that other commands need not load

    _show([archive_debate(load(config), debate_id)], as_json)


def day(
    day: Annotated[str, typer.Argument(metavar="DATE", help="A day of UTC, YYYY-MM-DD.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Archive all conversations and debates that began on a day."""
    from helix_pipeline.services.archive import archive_day  # drivers that other commands need not load

    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{day!r} is no day; give it as YYYY-MM-DD") from None
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} archived"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        found = archive_day(load(config), wanted, lambda _: bar.advance(task))
    _show(found, as_json)


def _show(found: "Sequence[Archived]", as_json: bool) -> None:
    rows, size = sum(one.rows for one in found), sum(one.bytes for one in found)
    if as_json:
        files = [asdict(one) for one in found]
        json.dump({"files": files, "rows": rows, "bytes": size}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    console = Console()
    for one in found:
        console.print(f"{escape(one.path)}  {one.rows:,} events, {one.bytes:,} bytes", soft_wrap=True, highlight=False)
    console.print(f"{len(found):,} files, {rows:,} events, {size:,} bytes", style="bold", highlight=False)
