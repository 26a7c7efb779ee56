"""`helix topics`: creates the Kafka topics and lists them with what they hold."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.settings import Settings, load


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("topics")(run)


def run(
    config: Annotated[Path | None, typer.Option(help="YAML settings file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the topics as one JSON array.")] = False,
) -> None:
    """Create the topics that are missing, and list all with partitions, retention and kept messages."""
    rows = topics(load(config))
    if as_json:
        json.dump(rows, sys.stdout)
        sys.stdout.write("\n")
        return
    table = Table("topic", "partitions", "retention", "messages", "state")
    for row in rows:
        table.add_row(
            row["topic"],
            str(row["partitions"]),
            f"{row['retention_hours']} h",
            f"{row['messages']:,}",
            row["state"],
        )
    Console().print(table)


def topics(settings: Settings) -> list[dict[str, Any]]:
    """Create what is missing.

    Return per topic its partitions, retention in hours, messages kept, and state.
    """
    from helix_pipeline.stores import bus  # a driver that other commands need not load

    states = bus.ensure_topics(settings)
    rows = []
    for topic in TOPICS:
        ranges = bus.record_ranges(settings, topic.name)
        rows.append(
            {
                "topic": topic.name,
                "partitions": len(ranges),
                "retention_hours": settings.retention.kafka_hours * topic.retention_factor,
                "messages": sum(end - first for first, end in ranges.values()),
                "state": states[topic.name],
            }
        )
    return rows
