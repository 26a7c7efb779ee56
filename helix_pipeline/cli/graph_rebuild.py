"""`helix graph rebuild`: the graph anew from all events, with progress on stderr."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from helix_pipeline.settings import load


def rebuild(
    config: Annotated[Path | None, typer.Option(help="YAML settings file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Empty the graph and make it anew from the lake and Kafka: after a change of version or extractor.

    What only the lake has is counted here; `helix stream` counts the rest when it next runs.
    """
    from helix_pipeline.services.knowledge.rebuild import rebuild  # drivers that other commands need not load

    settings = load(config)
    if not yes:
        typer.confirm(f"Empty the graph at {settings.neo4j.address} and the checkpoints of its streams?", abort=True)
    shown = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} events"))
    console = Console(stderr=True)
    with Progress(*shown, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("count what only the lake has", total=None)
        done = rebuild(settings, lambda rows: bar.update(task, advance=rows))
    for folder in done.checkpoints:
        typer.echo(f"remove {folder} before the streams run again")
    typer.echo(f"the graph is empty but for {done.events:,} older events; run helix stream for the rest")
