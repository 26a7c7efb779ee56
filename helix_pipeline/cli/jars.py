"""`helix jars`: fetch the jars of Spark, Kafka, Neo4j and the page of the graph, and say where they are."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.toolchain import java

CONFIGURATIONS = ("spark", "kafka", "neo4j", "page")


def register(app: typer.Typer) -> None:
    """Add the command `jars`."""
    app.command("jars")(jars)


def jars(
    link: Annotated[Path | None, typer.Option(help="Link this path to the folder of Spark's jars.")] = None,
    s3: Annotated[
        bool, typer.Option("--s3", help="Those of Spark for a lake on S3 too (13 MB); linked as LINK-s3.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the folders as one JSON object.")] = False,
) -> None:
    """Fetch the jars that are missing (about 190 MB, once per user)."""
    names = (*CONFIGURATIONS, "spark-s3") if s3 else CONFIGURATIONS
    java()
    console = Console(stderr=True)
    with console.status("looking for jars") as status:
        folders = {name: ensure_jars(name, status.update) for name in names}
    if link:
        _link(link, folders["spark"])
        if s3:
            _link(link.with_name(f"{link.name}-s3"), folders["spark-s3"])
    if as_json:
        typer.echo(json.dumps({name: str(folder) for name, folder in folders.items()}))
    else:
        for name, folder in folders.items():
            typer.echo(f"{name}: {folder}")


def _link(link: Path, folder: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
