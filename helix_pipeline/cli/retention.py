"""`helix retention show|apply`: how long Kafka, ClickHouse and the graph keep what they have."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from helix_pipeline.settings import load

if TYPE_CHECKING:
    from helix_pipeline.services.retention import Kept

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]

_COLOURS = {"in line": "green", "differs": "yellow", "missing": "red", "due": "cyan"}


def register(app: typer.Typer) -> None:
    """Add the commands of `helix retention`."""
    commands = typer.Typer(help="How long the stores keep what they have.", no_args_is_help=True)
    commands.command("show")(show)
    commands.command("apply")(apply)
    app.add_typer(commands, name="retention")


def show(config: Config = None, as_json: AsJson = False) -> None:
    """Show what the settings want of each topic, table and the graph, and what each has; changes nothing."""
    from helix_pipeline.services.retention import retention  # drivers that other commands need not load

    _print(retention(load(config)), as_json)


def apply(config: Config = None, as_json: AsJson = False) -> None:
    """Bring topics and tables in line with the settings, and say what was changed; again, nothing is.

    The graph needs no change: `helix graph archive` and the job GraphUpkeep read the settings when they run.
    """
    from helix_pipeline.services.retention import apply  # drivers that other commands need not load

    changed = apply(load(config))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in changed]))
        return
    for one in changed:
        typer.echo(f"{one.store} {one.part}: {_found(one)} -> {_time(one.wanted, one.unit)}")
    if not changed:
        typer.echo("every topic and table is in line with the settings")


def _print(kept: "Sequence[Kept]", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in kept]))
        return
    table = Table("store", "part", "wanted", "found", "state", box=None)
    for one in kept:
        state = f"[{_COLOURS[one.state]}]{one.state}"
        table.add_row(one.store, one.part, _time(one.wanted, one.unit), _found(one), state)
    Console().print(table)


def _found(one: "Kept") -> str:
    """Say what was found; an empty graph has nothing that could be old."""
    nothing = one.state == "missing" or (one.store == "neo4j" and one.found is None)
    return "nothing" if nothing else _time(one.found, one.unit)


def _time(value: float | None, unit: str) -> str:
    return "for ever" if value is None else f"{value:g} {unit}"
