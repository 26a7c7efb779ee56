"""`helix graph`: ask the knowledge graph what is related, found, known and between. Upkeep is in `cli.graph_upkeep`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helix_pipeline.cli.context_output import clean, print_json
from helix_pipeline.cli.graph_output import print_details, print_found, print_path, print_related
from helix_pipeline.cli.graph_rebuild import rebuild
from helix_pipeline.cli.graph_upkeep import archive, refresh, restore, snapshot
from helix_pipeline.settings import load
from helix_pipeline.telemetry import configure_logs

if TYPE_CHECKING:
    from helix_pipeline.services.knowledge.stores import Answered, KnowledgeStores

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API answers.")]
Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="Id, name or alias.")]
Limit = Annotated[int, typer.Option(help="How many, 1 to 200.")]
Types = Annotated[str, typer.Option(help="Only these types, commas between: TECH,PRODUCT,…")]
At = Annotated[datetime | None, typer.Option("--at", help="What was stated holds at this time (UTC); default: now.")]

commands = typer.Typer(help="The knowledge graph: what is related, found, known, between.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (related, search, path, show, refresh, snapshot, archive, restore, rebuild):
        commands.command()(command)
    app.add_typer(commands, name="graph")


def related(
    entity: Entity,
    *,
    depth: Annotated[int, typer.Option(help="Relations from one to the next, 1 to 3.")] = 1,
    limit: Limit = 20,
    types: Types = "",
    at: At = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what is related to an entity, strongest first, and by what."""
    from helix_pipeline.services.knowledge import questions  # drivers that other commands need not load

    with _stores(config) as stores:
        found = questions.related(stores, entity, depth=depth, limit=limit, types=types.split(","), at=at)
    if as_json:
        _print_answer(found)
        return
    print_related(found.value.entity, found.value.related)
    _tell(found)


def search(
    query: Annotated[str, typer.Argument(help="Parts of a name; typing errors are forgiven.")],
    *,
    limit: Limit = 10,
    types: Types = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find entities by parts of their names, and by meaning where embeddings are on; best first."""
    from helix_pipeline.services.knowledge import questions  # drivers that other commands need not load

    with _stores(config) as stores:
        found = questions.search(stores, query, types=types.split(","), limit=limit)
    if as_json:
        _print_answer(found, "found")
        return
    print_found(found.value)
    if not found.value:
        typer.echo(f"helix: nothing is called like {clean(query)!r}", err=True)
    _tell(found)


def path(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Id, name or alias.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Id, name or alias.")],
    *,
    longest: Annotated[int, typer.Option(help="Relations at most, 1 to 6.")] = 4,
    at: At = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the shortest way between two entities, of the shortest ones the strongest."""
    from helix_pipeline.services.knowledge import questions  # drivers that other commands need not load

    with _stores(config) as stores:
        found = questions.path(stores, source, target, longest=longest, at=at)
    if as_json:
        _print_answer(found)
        return
    print_path(found.value)
    _tell(found)


def show(entity: Entity, config: Config = None, as_json: AsJson = False) -> None:
    """Show all that is known of an entity: other names and why, statements in time, conversations."""
    from helix_pipeline.services.knowledge import questions  # drivers that other commands need not load

    with _stores(config) as stores:
        found = questions.details(stores, entity)
    if as_json:
        _print_answer(found)
        return
    print_details(found.value)
    _tell(found)


@contextmanager
def _stores(config: Path | None) -> "Iterator[KnowledgeStores]":
    from helix_pipeline.services.knowledge.stores import KnowledgeStores

    configure_logs("ERROR")  # what is logged as a warning is a note of the answer, or part of the error
    with KnowledgeStores(load(config)) as stores:
        yield stores


def _print_answer(found: "Answered[Any]", name: str = "") -> None:
    print_json(found.flat(name))


def _tell(found: "Answered[Any]") -> None:
    for note in found.notes:
        typer.echo(f"helix: {clean(note)}", err=True)
    if found.as_of:
        typer.echo(f"helix: as of {found.as_of:%Y-%m-%d %H:%M} UTC, from the last snapshot", err=True)
