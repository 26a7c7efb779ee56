"""The command line `helix`: translates arguments, calls a service, shows the result."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from helix_pipeline import __version__
from helix_pipeline.cli import (
    airflow,
    analytics,
    api,
    archive,
    context,
    demo,
    graph,
    ingest,
    jars,
    jobs,
    migrate,
    quarantine,
    retention,
    sample,
    servers,
    sql,
    streams,
    topics,
    verify,
)
from helix_pipeline.errors import HelixError
from helix_pipeline.telemetry import configure_logs

app = typer.Typer(
    name="helix",
    help="Events of an LLM platform from Kafka through Spark into a Delta lake, ClickHouse and Neo4j.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for part in (
    jars,
    servers,
    topics,
    sample,
    ingest,
    streams,
    migrate,
    retention,
    verify,
    quarantine,
    sql,
    demo,
    api,
    context,
    graph,
    analytics,
    jobs,
    archive,
    airflow,
):
    part.register(app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"helix {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True)) -> None:
    configure_logs()


def main() -> None:
    """Run the command line; an error of Helix is one line on stderr and its exit code (1 failure, 2 usage)."""
    try:
        app()
    except HelixError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]helix:[/red] {escape(str(error))}", highlight=False)
        sys.exit(error.exit_code)
