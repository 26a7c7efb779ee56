"""`helix up`, `helix down`, `helix status`: the local servers, and how the streams are doing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from helix_pipeline.local import servers
from helix_pipeline.local.servers import NAMES, OPTIONAL_NAMES, ServerStatus
from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings, load

_BY_NAME = f"all but those started by name ({', '.join(OPTIONAL_NAMES)})"
Names = Annotated[list[str] | None, typer.Argument(help=f"Servers: {', '.join(NAMES)}. Default: {_BY_NAME}.")]
Also = Annotated[list[str] | None, typer.Option("--with", help=f"Start this too: {', '.join(OPTIONAL_NAMES)}.")]
Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
Home = Annotated[Path | None, typer.Option(help="Folder of all data, logs and pid files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")]

_COLOURS = {
    "running": "green",
    "external": "cyan",
    "stopped": "dim",
    "unreachable": "red",
    "foreign": "yellow",
}


def register(app: typer.Typer) -> None:
    """Add the commands `up`, `down` and `status`."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)


def up(
    names: Names = None, also: Also = None, config: Config = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Start the local servers, wait until each answers, and make topics, tables and constraints."""
    _show(start(_settings(config, home), names, also or ()), [], as_json)


def start(settings: Settings, names: Sequence[str] | None = None, also: Sequence[str] = ()) -> list[ServerStatus]:
    """Start servers and make what the streams expect in them, with progress on stderr."""
    columns = SpinnerColumn(), TextColumn("{task.fields[name]:<11}{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        found = servers.up(settings, names, _Lines(progress).tell, also)
        task = progress.add_task("making topics, tables and constraints", total=1, name="stores")
        prepare_stores(settings, [server.name for server in found])
        progress.update(task, description="ready", completed=1)
    return found


def down(names: Names = None, config: Config = None, home: Home = None, as_json: AsJson = False) -> None:
    """Stop the local servers that `helix up` started; data stay. Servers of your own are left alone."""
    _show(servers.down(_settings(config, home), names), [], as_json)


def status(names: Names = None, config: Config = None, home: Home = None, as_json: AsJson = False) -> None:
    """Ask each server, and show what the streams last reported."""
    settings = _settings(config, home)
    _show(servers.status(settings, names), [] if names else read_progress(settings), as_json)


def prepare_stores(settings: Settings, names: Sequence[str]) -> None:
    """Make what is expected in the servers `names`: topics, tables, constraints. Repeatable."""
    from helix_pipeline.services.migrating import migrate_warehouse  # drivers that `down` and `status` need not load
    from helix_pipeline.stores import bus, graph, sql

    steps: dict[str, Callable[[Settings], object]] = {
        "kafka": bus.ensure_topics,
        "clickhouse": migrate_warehouse,
        "neo4j": graph.ensure_schema,
        "trino": sql.refresh_tables,
    }
    for name in names:
        if name in steps:
            steps[name](settings)


class _Lines:
    """One line of progress per server."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def tell(self, name: str, doing: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(doing, total=1, name=name)
        done = 1 if doing.startswith(("ready", "failed")) else 0
        self._progress.update(self._tasks[name], description=doing, completed=done)


def _settings(config: Path | None, home: Path | None) -> Settings:
    return load(config, flags={"home": home})


def _show(found: list[ServerStatus], streams: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"servers": [asdict(server) for server in found], "streams": streams}))
        return
    console = Console()
    console.print(_server_table(found))
    for server in found:
        note = server.detail or (f"log: {server.log}" if server.log else "")
        if note:
            console.print(escape(f"{server.name}: {note}"), soft_wrap=True, highlight=False)
    if streams:
        console.print(_stream_table(streams))


def _server_table(found: list[ServerStatus]) -> Table:
    address = Column("address", overflow="fold")
    table = Table("server", "state", "version", address, "pid", "memory", "up for", box=None)
    for server in found:
        state = f"[{_COLOURS[server.state]}]{server.state}"
        memory = f"{server.memory_mb:,.0f} MB" if server.memory_mb is not None else ""
        uptime = f"{server.uptime_s:,.0f} s" if server.uptime_s is not None else ""
        pid = str(server.pid or "")
        table.add_row(server.name, state, server.version, escape(server.address), pid, memory, uptime)
    return table


def _stream_table(streams: list[dict[str, Any]]) -> Table:
    table = Table("stream", "state", "rows/s", "lag", "batch", "failed", "as of (UTC)", box=None)
    for stream in streams:
        as_of = datetime.fromtimestamp(stream["updated_at"], UTC).strftime("%m-%d %H:%M:%S")
        rates = f"{stream['rows_per_second']:,.0f}", f"{stream['lag']:,}", f"{stream['batch_seconds']:.2f} s"
        table.add_row(stream["query"], stream["state"], *rates, str(stream["failures"]), as_of)
    return table
