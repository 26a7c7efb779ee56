"""`helix stream`: run the streaming queries."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings, load
from helix_pipeline.telemetry import serve_metrics

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]


def register(app: typer.Typer) -> None:
    """Add the command `stream`."""
    app.command("stream")(stream)


def stream(
    query: Annotated[list[str] | None, typer.Option(help="A sink or a query, e.g. lake; repeatable.")] = None,
    until_caught_up: Annotated[bool, typer.Option(help="End when the stores hold all of Kafka.")] = False,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the queries' last state as JSON at the end.")] = False,
) -> None:
    """Carry events from Kafka into the lake, ClickHouse and Neo4j, until stopped or caught up."""
    settings = load(config)
    serve_metrics(settings.streams.metrics_port)
    run_streams(settings, query or [], until_caught_up)
    if as_json:
        json.dump(read_progress(settings), sys.stdout)
        sys.stdout.write("\n")


def run_streams(settings: Settings, names: list[str], until_caught_up: bool) -> None:
    """Run the queries in this process with a table of their progress on stderr."""
    from helix_pipeline.services.streaming import run
    from helix_pipeline.spark.queries import runnable

    runnable(names, settings.features)
    console = Console(stderr=True)
    live = Live(console=console, refresh_per_second=4, transient=not console.is_terminal)
    with spark_session(settings, console) as spark, live:
        run(spark, settings, names, until_caught_up, lambda states: live.update(stream_table(states)))


@contextmanager
def spark_session(settings: Settings, console: Console) -> Iterator[Any]:
    """Start Spark in this process, with its jars, and stop it at the end."""
    from helix_pipeline.local.jars import spark_jars
    from helix_pipeline.spark.session import create_session

    with console.status("starting Spark"):
        jars = settings.spark.jars or spark_jars(settings.lake_root, settings.checkpoint_root)
        spark = create_session(settings, jars)
    try:
        yield spark
    finally:
        spark.stop()


def stream_table(states: list[dict[str, Any]]) -> Table:
    """Return the state of the queries as a table."""
    table = Table("stream", "state", "written", "rejected", "rows/s", "lag", "batch", "failures")
    for state in states:
        table.add_row(
            state["query"],
            state["state"],
            f"{state.get('written', 0):,}",
            f"{state.get('rejected', 0):,}",
            f"{state['rows_per_second']:,.0f}",
            f"{state['lag']:,}",
            f"{state['batch_seconds']:.2f} s",
            str(state["failures"]),
        )
    return table
