"""`helix migrate`: bring the stores' schemas up to date, or say what is missing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from helix_pipeline.services.migrating import migrate as apply
from helix_pipeline.settings import load
from helix_pipeline.stores.warehouse_migrations import Migration, missing

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what the warehouse lacks, and change nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command `migrate`."""
    app.command("migrate")(migrate)


def migrate(config: Config = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Create topics, warehouse tables and graph constraints that are missing; running it again changes nothing.

    Views of the warehouse are filled with what their tables hold: stop the streams first.
    """
    settings = load(config)
    if dry_run:
        _show_plan(missing(settings), as_json)
        return
    done = apply(settings)
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(f"warehouse: {', '.join(done['warehouse']) or 'up to date'}; topics and graph: ready")


def _show_plan(plan: Sequence[Migration], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"warehouse": [asdict(one) for one in plan]}))
        return
    for one in plan:
        filled = f"; fills {', '.join(target for _, target in one.views)}" if one.views else ""
        typer.echo(f"{one.name}: {len(one.statements)} statements{filled}")
    if not plan:
        typer.echo("warehouse: up to date")
