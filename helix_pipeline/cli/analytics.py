"""`helix analytics`: providers, debates and conversations as tables with sparklines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helix_pipeline.cli.analytics_output import print_days, print_debate, print_providers, print_winners
from helix_pipeline.settings import load
from helix_pipeline.telemetry import configure_logs

if TYPE_CHECKING:
    from helix_pipeline.services.analytics.stores import AnalyticsStores, Answered

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Window = Annotated[str, typer.Option(help="The time up to now: 30m, 24h, 7d, 4w; at most 366d.")]

commands = typer.Typer(help="Figures of providers, debates and conversations.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (providers, debates, trends):
        commands.command()(command)
    app.add_typer(commands, name="analytics")


def providers(window: Window = "24h", config: Config = None, as_json: AsJson = False) -> None:
    """Show requests, response times, confidence and win rates of each provider."""
    from helix_pipeline.services.analytics import reports  # drivers that other commands need not load

    with _stores(config) as stores:
        found = reports.providers(stores, window, None if as_json else reports.bucket_of(window))
    if as_json:
        _print_answer(found)
        return
    print_providers(found.value)
    _tell(found)


def debates(
    debate_id: Annotated[str, typer.Argument(metavar="[DEBATE]", help="A debate; default: who wins most.")] = "",
    window: Window = "30d",
    limit: Annotated[int, typer.Option(help="How many models, 1 to 200.")] = 10,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show which models win most debates, or how one debate went."""
    from helix_pipeline.services.analytics import debates as service  # drivers that other commands need not load

    with _stores(config) as stores:
        if debate_id:
            one = service.debate(stores, debate_id)
            _print_answer(one) if as_json else print_debate(one.value)
            _tell(one)
            return
        found = service.winners(stores, limit, window, None if as_json else service.bucket_of(window))
    _print_answer(found) if as_json else print_winners(found.value)
    _tell(found)


def trends(
    days: Annotated[int, typer.Option(help="Days, today among them, 1 to 366.")] = 14,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show conversations by day."""
    from helix_pipeline.services.analytics import reports  # drivers that other commands need not load

    with _stores(config) as stores:
        found = reports.conversations(stores, days)
    _print_answer(found, "daily_stats") if as_json else print_days(found.value)
    _tell(found)


@contextmanager
def _stores(config: Path | None) -> "Iterator[AnalyticsStores]":
    from helix_pipeline.services.analytics.stores import AnalyticsStores

    configure_logs("ERROR")  # what is logged as a warning is told beneath the table
    stores = AnalyticsStores(load(config))
    try:
        yield stores
    finally:
        stores.close()


def _print_answer(found: "Answered[Any]", name: str = "") -> None:
    import msgspec

    from helix_pipeline.services.analytics.told import told

    typer.echo(msgspec.json.encode(told(found, name)).decode())


def _tell(found: "Answered[Any]") -> None:
    for note in found.notes:
        typer.echo(f"helix: from the lake: {note}", err=True)
