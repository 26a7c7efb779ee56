"""Figures on the terminal: tables, with a sparkline where there is a series."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from helix_pipeline.cli.context_output import clean

if TYPE_CHECKING:
    from helix_pipeline.services.analytics.debates import DebateReport, WinnersReport
    from helix_pipeline.services.analytics.reports import ConversationsOfDay, ProvidersReport

WIDTH = 12
"""Characters of a sparkline at most: a row fits a terminal of 80."""

_LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Return values of 0 or more as a line of bars, neighbours added up where there are more than `width`.

    Nothing is a blank, the largest a full bar.
    """
    sums = [sum(part) for part in _parts(values, width)]
    top = max(sums, default=0)
    return "".join(" " if not one else _LEVELS[min(int(one / top * 8), 7)] for one in sums)


def print_providers(found: "ProvidersReport") -> None:
    """Print a row for each provider."""
    lines = _lines((one.provider, one.time, one.requests) for one in found.series or ())
    heads = (
        "provider",
        "requests",
        "errors",
        "mean ms",
        "p95 ms",
        "conf.",
        "wins",
        "95 % CI",
        "over time",
    )
    rows = (
        (
            one.provider,
            f"{one.total_requests:,}",
            _percent(one.error_rate),
            _number(one.avg_response_time_ms),
            _number(one.p95_response_time_ms),
            _number(one.avg_confidence, 2),
            _percent(one.win_rate),
            _interval(one.win_rate_interval),
            lines.get(one.provider, ""),
        )
        for one in found.providers
    )
    _print(f"{found.within.text} to {found.within.until:%Y-%m-%d %H:%M} UTC", heads, rows)


def print_winners(found: "WinnersReport") -> None:
    """Print a row for each model that won."""
    lines = _lines(((one.provider, one.model), one.time, one.wins) for one in found.series or ())
    rows = (
        (
            one.provider,
            one.model,
            f"{one.wins:,}",
            f"{one.percentage:.1f} %",
            f"{one.debates:,}",
            _percent(one.win_rate),
            _interval(one.win_rate_interval),
            lines.get((one.provider, one.model), ""),
        )
        for one in found.top_winners
    )
    heads = ("provider", "model", "wins", "of all", "debates", "win rate", "95 % CI", "over time")
    _print(f"{found.ended:,} debates ended, {found.decided:,} with a winner ({found.within.text})", heads, rows)


def print_debate(found: "DebateReport") -> None:
    """Print one debate with a row for each participant."""
    rows = (
        (
            "★" if one.won else "",
            one.participant,
            one.position or "",
            f"{one.provider} {one.model}",
            str(one.turns),
            _number(one.avg_response_time_ms),
            _number(one.avg_confidence, 2),
            str(found.verdicts.get(one.participant, "")),
        )
        for one in found.participants
    )
    about = f"{found.debate_id}: {found.topic or 'no topic'} ({found.status}, {found.rounds} rounds)"
    _print(about, ("", "participant", "position", "model", "turns", "mean ms", "confidence", "judges"), rows)


def print_days(found: "Sequence[ConversationsOfDay]") -> None:
    """Print a row for each day."""
    rows = (
        (
            f"{one.date:%a %Y-%m-%d}",
            f"{one.count:,}",
            _number(one.avg_messages, 1),
            _number(one.avg_duration_min, 1),
            f"{one.messages:,}",
            _number(one.entity_density, 2),
        )
        for one in found
    )
    line = sparkline([one.count for one in found])
    heads = ("day (UTC)", "conversations", "messages each", "minutes each", "messages", "entities each")
    _print(f"conversations by day  {line}", heads, rows)


def _parts(values: Sequence[float], width: int) -> Iterable[Sequence[float]]:
    size = -(-len(values) // width)
    return (values[start : start + size] for start in range(0, len(values), size or 1))


def _lines(points: Iterable[tuple[Hashable, datetime, int]]) -> dict[Hashable, str]:
    """Return the sparkline of each name, from points of name, time and value."""
    found: dict[Hashable, dict[datetime, int]] = defaultdict(dict)
    for name, time, value in points:
        found[name][time] = value
    times = sorted({time for values in found.values() for time in values})
    return {name: sparkline([values.get(time, 0) for time in times]) for name, values in found.items()}


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _interval(limits: tuple[float, float] | None) -> str:
    return "" if limits is None else f"{100 * limits[0]:.0f}-{100 * limits[1]:.0f} %"


def _print(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*heads, box=None, padding=(0, 1, 0, 0), title=Text(clean(title)), title_justify="left")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    console = Console()
    console.print(table)
    if not table.row_count:
        console.print(Text("nothing in this time", style="dim"))
