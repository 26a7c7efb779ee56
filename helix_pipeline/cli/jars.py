"""`helix jars`: fetch the jars of Spark, Kafka and Neo4j, and say where they are."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.toolchain import java

CONFIGURATIONS = ("spark", "kafka", "neo4j")


def register(app: typer.Typer) -> None:
    """Add the command `jars`."""
    app.command("jars")(jars)


def jars(
    link: Annotated[Path | None, typer.Option(help="Link this path to the folder of Spark's jars.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the folders as one JSON object.")] = False,
) -> None:
    """Fetch the jars that are missing (about 190 MB, once per user)."""
    java()
    console = Console(stderr=True)
    with console.status("looking for jars") as status:
        folders = {name: ensure_jars(name, status.update) for name in CONFIGURATIONS}
    if link:
        link.unlink(missing_ok=True)
        link.symlink_to(folders["spark"])
    if as_json:
        typer.echo(json.dumps({name: str(folder) for name, folder in folders.items()}))
    else:
        for name, folder in folders.items():
            typer.echo(f"{name}: {folder}")
