"""`helix graph refresh|archive|restore|snapshot`: upkeep of the knowledge graph, by hand."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from helix_pipeline.settings import load

if TYPE_CHECKING:
    from helix_pipeline.services.knowledge.upkeep import Upkeep

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def refresh(config: Config = None, as_json: AsJson = False) -> None:
    """Set what is derived: communities, sameness and associations of the lake, strengths, vectors."""
    with _upkeep(config) as upkeep:
        found = upkeep.refresh()
    _show(asdict(found), as_json)


def snapshot(config: Config = None, as_json: AsJson = False) -> None:
    """Write a snapshot into the lake, which answers while Neo4j is away."""
    with _upkeep(config) as upkeep:
        found = upkeep.snapshot()
    _show(found, as_json)


def archive(
    days: Annotated[int | None, typer.Option(help="Days without being named; default: retention.graph_days.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Move the entities to the lake that nobody named for long, with their relations."""
    with _upkeep(config) as upkeep:
        found = upkeep.archive(days)
    _show(asdict(found), as_json)


def restore(
    entities: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Ids of entities; all without.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Bring archived entities back; what was seen of them since adds up."""
    with _upkeep(config) as upkeep:
        found = upkeep.restore(entities or ())
    _show(asdict(found), as_json)


@contextmanager
def _upkeep(config: Path | None) -> "Iterator[Upkeep]":
    """Open the upkeep, with its progress on stderr where that is a terminal."""
    from helix_pipeline.services.knowledge.upkeep import Upkeep  # drivers that other commands need not load
    from helix_pipeline.stores.lake import open_lake

    settings = load(config)
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def tell(part: str, done: int, of: int) -> None:
            progress.update(task, description=part, completed=done, total=of or None)

        yield Upkeep(settings, open_lake(settings), tell)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    console = Console(soft_wrap=True, highlight=False)
    for name, value in found.items():
        for line in _lines(name, value):
            console.print(line, markup=False)


def _lines(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{name.replace('_', ' ')}: {part.replace('_', ' ')} {number:,}" for part, number in value.items())
    elif isinstance(value, list):
        yield from map(str, value)
    elif value is not None:
        yield f"{name.replace('_', ' ')}: {value:,}" if isinstance(value, int | float) else f"{name}: {value}"
