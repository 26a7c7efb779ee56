"""`helix jobs`: submit batch jobs to the HTTP API, follow them, read log and result, cancel."""

import json
import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from helix_pipeline.catalog import find
from helix_pipeline.cli.jobs_client import FINISHED, JobsClient, ended, interruptible
from helix_pipeline.errors import UsageError
from helix_pipeline.settings import load

LOOK_S = 1.0

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
Url = Annotated[str | None, typer.Option(help="The API, e.g. http://127.0.0.1:7061; default: as configured.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobId = Annotated[str, typer.Argument(help="Id that `submit` printed.")]

_COLOURS = {"succeeded": "green", "failed": "red", "running": "cyan", "queued": "dim", "cancelled": "yellow"}
_FIXED = ("job_id", "job_type", "status", "progress", "rows_processed", "stages", "tasks", "backend", "exit_code")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    commands = typer.Typer(help="Batch jobs through the API (`helix api`).", no_args_is_help=True)
    commands.command("list")(show)
    for command in (submit, status, watch, logs, result, cancel, types):
        commands.command()(command)
    app.add_typer(commands, name="jobs")


def submit(
    job_type: Annotated[str, typer.Argument(help="E.g. ProviderPerformance; `helix jobs types` lists them.")],
    *,
    source: Annotated[str | None, typer.Option("--input", help="Lake, table or partition; default: the lake.")] = None,
    output: Annotated[str | None, typer.Option(help="Root of the tables it writes; default: the lake.")] = None,
    day: Annotated[str | None, typer.Option("--date", help="Only this day, YYYY-MM-DD.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="A parameter of the job, NAME=VALUE; repeatable.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: sent again, it is the same job.")] = None,
    follow: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job and print its id."""
    body = {"job_type": find(job_type).type, "params": _params(job_type, param or []), "date": _day(day)}
    body |= {"input_path": _place(source), "output_path": _place(output)}
    headers = {"Idempotency-Key": key} if key else {}
    client = _client(url, config)
    accepted = client.ask("POST", "/v1/spark/jobs", json=body, headers=headers)
    if not (follow and as_json):
        _print(accepted if as_json else accepted["job_id"])
    if follow:
        _follow(client, accepted["job_id"], as_json)


def watch(job_id: JobId, url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """Follow a job to its end: exit code 0 succeeded, 1 failed or cancelled, 2 usage, 3 refused by its checks.

    Ctrl-C (130) leaves the job running. With --json each change is a line.
    """
    _follow(_client(url, config), job_id, as_json)


def status(job_id: JobId, url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show how a job stands."""
    found = _client(url, config).job(job_id)
    if as_json:
        _print(found)
        return
    table = Table(show_header=False, box=None)
    for name, value in found.items():
        if value is not None:
            table.add_row(name, escape(_shown(name, value)))
    Console().print(table)


def show(
    *,
    job_type: Annotated[str | None, typer.Option("--type", help="Only jobs of this type.")] = None,
    state: Annotated[
        str | None, typer.Option("--status", help="Only queued, running, succeeded, failed or cancelled.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Only jobs accepted since (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    wanted = {"type": job_type, "status": state, "since": since and f"{since.isoformat()}Z", "limit": limit}
    found = _client(url, config).ask("GET", "/v1/spark/jobs", params={k: v for k, v in wanted.items() if v})
    if as_json:
        _print(found)
        return
    table = Table(Column("job", no_wrap=True), "type", "status", "done", "rows", "submitted (UTC)", "error", box=None)
    for job in found["jobs"]:
        colour, done, rows = _COLOURS[job["status"]], f"{job['progress']:.0%}", f"{job['rows_processed']:,}"
        line = job["job_id"], job["job_type"], f"[{colour}]{job['status']}", done, rows
        table.add_row(*line, job["submitted_at"][:19].replace("T", " "), escape((job["error"] or "")[:80]))
    Console().print(table)


def logs(
    job_id: JobId,
    tail: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines.")] = 200,
    url: Url = None,
    config: Config = None,
) -> None:
    """Print the last lines of a job's log."""
    typer.echo(_client(url, config).job(job_id, "logs", tail=tail), nl=False)


def result(
    job_id: JobId,
    rows: Annotated[int, typer.Option(min=0, max=100, help="Rows of each table.")] = 5,
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the record of a job that succeeded, and the first rows of its tables."""
    found = _client(url, config).job(job_id, "result", rows=rows)
    if as_json:
        _print(found)
        return
    console = Console()
    console.print_json(json.dumps(found["record"]))
    for table in found["tables"]:
        console.print(f"{table['name']}: {table['path']} (version {table['version']})", markup=False, soft_wrap=True)
        for row in table["rows"]:
            console.print_json(json.dumps(row), indent=None)


def cancel(job_id: JobId, url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """End a job and its processes."""
    found = _client(url, config).ask("DELETE", f"/v1/spark/jobs/{job_id}")
    _print(found if as_json else f"{job_id} is {found['status']}")


def types(url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the job types and their parameters."""
    found = _client(url, config).ask("GET", "/v1/spark/job-types")
    if as_json:
        _print(found)
        return
    table = Table("type", "does", "parameters", box=None)
    for job in found:
        params = "\n".join(f"{one['name']}={one['default']} ({one['summary']})" for one in job["params"])
        table.add_row(job["job_type"], escape(job["summary"]), escape(params))
    Console().print(table)


def _follow(client: JobsClient, job_id: str, as_json: bool) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
    )
    console = Console(stderr=True, quiet=as_json)
    with interruptible(), Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(job_id, total=1.0, rows="0")
        last = None
        while (found := client.job(job_id))["status"] not in FINISHED:
            last = _tell(bar, task, found, last, as_json)
            time.sleep(LOOK_S)
        _tell(bar, task, found, last, as_json)
    error = ended(found)
    if error:
        raise error
    if not as_json:
        figures = ", ".join(f"{name} {value}" for name, value in found.items() if _is_figure(name, value))
        Console().print(f"{job_id} succeeded: {figures}", markup=False, highlight=False, soft_wrap=True)


def _tell(bar: Progress, task: Any, found: dict[str, Any], last: Any, as_json: bool) -> dict[str, Any]:
    description = f"{found['job_type']} {found['status']}"
    bar.update(task, completed=found["progress"], rows=f"{found['rows_processed']:,}", description=description)
    if as_json and found != last:
        _print(found)
    return found


def _is_figure(name: str, value: Any) -> bool:
    return name == "rows_processed" or (name not in _FIXED and isinstance(value, int | float))


def _shown(name: str, value: Any) -> str:
    return f"{value:.0%}" if name == "progress" else f"{value:,}" if isinstance(value, int) else str(value)


def _client(url: str | None, config: Path | None) -> JobsClient:
    api = load(config).api
    return JobsClient(url or f"http://{api.host}:{api.port}")


def _place(path: str | None) -> str | None:
    """Return a path as the API takes it: it does not know this shell's folder."""
    return str(Path(path).absolute()) if path and "://" not in path and not path.startswith("file:") else path


def _day(text: str | None) -> str | None:
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        raise UsageError(f"--date {text!r} is no date: write YYYY-MM-DD") from None


def _params(job_type: str, given: list[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs with the types of the catalogue; the API checks the rest."""
    kinds = {parameter.name: parameter.kind for parameter in find(job_type).parameters}
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--param {pair!r}: write NAME=VALUE")
        try:
            found[name.replace("-", "_")] = kinds.get(name.replace("-", "_"), str)(value)
        except ValueError:
            raise UsageError(f"--param {name}: {value!r} is no {kinds[name].__name__}") from None
    return found


def _print(document: Any) -> None:
    typer.echo(document if isinstance(document, str) else json.dumps(document))
