"""`helix demo`: from nothing to conversations in every store, checked, and what every batch job finds in them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from helix_pipeline.cli import ingest, servers, streams, verify
from helix_pipeline.local.toolchain import java
from helix_pipeline.services.demo import Timings, graph_findings, sample_folder, store_counts
from helix_pipeline.settings import Settings, load

NEXT = """[bold]Next[/bold]
  helix status                        servers and streams
  helix ingest FILE                   your own conversations: JSONL, ChatGPT export, ShareGPT, OpenAI chat
  helix stream                        keep the stores up to date, until Ctrl-C
  helix verify                        compare Kafka, lake, ClickHouse and Neo4j
  helix up --with airflow             schedule the jobs; the UI is at http://127.0.0.1:{airflow}
  helix up --with trino               then helix sql "SELECT …" over the lake
  helix api                           the HTTP API, with pages of the status at /ui and of the graph at /ui/graph
  helix down                          stop the servers; data stay in {home}
Graph: http://127.0.0.1:{http} (user {user})   Lake: {lake}"""


def register(app: typer.Typer) -> None:
    """Add the command `demo`."""
    app.command("demo")(demo)


def demo(
    data: Annotated[Path | None, typer.Argument(help="File or folder with your conversations.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML settings file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Start the servers, publish a corpus, stream it into the stores until they agree, and run the batch jobs."""
    settings, console, timings = load(config), Console(stderr=True), Timings()
    java()
    with timings.step("servers"):
        console.rule("1/5 servers")
        servers.start(settings)
    with timings.step("ingest"):
        console.rule("2/5 publish to Kafka")
        read = ingest.publish(settings, [data or sample_folder(settings)])
    with timings.step("stream"):
        console.rule("3/5 stream into the stores")
        streams.run_streams(settings, [], until_caught_up=True)
    with timings.step("verify"):
        console.rule("4/5 compare the stores")
        report = verify.compare(settings)
    with timings.step("jobs"):
        console.rule("5/5 batch jobs over the lake")
        jobs = _jobs(settings, console)
    result = {
        "ok": report.ok,
        "accepted": read.accepted,
        "duplicates": read.duplicates,
        "rejected": read.rejected,
    }
    stores = store_counts(settings)
    found = {"stores": stores, "jobs": jobs, "graph": graph_findings(settings)}
    _show({**result, **found, "seconds": timings.seconds}, settings, as_json)
    if not report.ok or read.bad_files:
        raise typer.Exit(1)


def _jobs(settings: Settings, console: Console) -> list[dict[str, Any]]:
    from helix_pipeline.services.demo_jobs import run_jobs

    status = console.status("batch jobs")
    with streams.spark_session(settings, console) as spark, status:
        return run_jobs(settings, spark, lambda job: status.update(f"{job.type}: {job.summary}"))


def _show(result: dict[str, Any], settings: Settings, as_json: bool) -> None:
    if as_json:
        json.dump(result, sys.stdout)
        sys.stdout.write("\n")
        return
    console = Console()
    console.print(_table(result))
    console.print(_job_table(result["jobs"]))
    seconds = result["seconds"]
    console.print("  ".join(f"{step} {value:.1f} s" for step, value in seconds.items()))
    rate = result["accepted"] / seconds["stream"]
    console.print(f"{result['accepted']:,} new events streamed at {rate:,.0f} events/s, Spark's start included")
    for headline, lines in result["graph"].items():
        console.print(f"[bold]{headline}[/bold]: {escape('; '.join(lines)) or 'none'}", highlight=False)
    console.print("[green]all stores agree[/green]" if result["ok"] else "[red]the stores disagree[/red]: helix verify")
    neo4j = settings.neo4j
    console.print(
        NEXT.format(
            home=settings.home,
            http=neo4j.http_port,
            user=neo4j.username,
            lake=settings.lake_root,
            airflow=settings.airflow.port,
        )
    )


def _table(result: dict[str, Any]) -> Table:
    table = Table("store", "what", "rows", title="What is where")
    for store, counts in result["stores"].items():
        for name, rows in counts.items():
            table.add_row(store, name, f"{rows:,}")
        table.add_section()
    return table


def _job_table(jobs: list[dict[str, Any]]) -> Table:
    table = Table("job", "rows in", "rows out", "seconds", "found", title="What the batch jobs found", show_lines=True)
    for job in jobs:
        figures = f"{job['rows_in']:,}", f"{job['rows_out']:,}", f"{job['seconds']:.1f}"
        table.add_row(job["job"], *figures, escape("\n".join(job["found"]) or "nothing: no data for it"))
    return table
