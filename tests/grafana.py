"""Grafana's part of a dashboard: its panels, and their queries as Grafana sends them, macros and variables expanded."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

DOCKER = Path(__file__).parents[1] / "docker"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((DOCKER / "grafana" / "dashboards").glob("*.json"))
}
CLICKHOUSE, PROMETHEUS = "grafana-clickhouse-datasource", "prometheus"
POINTS = 500
"""About as many as a panel is pixels wide: what the distance of two points follows from."""

STEPS_S = (1, 5, 10, 15, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)
_UNITS_S = {"m": 60, "h": 3600, "d": 86400}
_CALL = re.compile(r"\$__(\w+)\(")


@dataclass(frozen=True)
class Query:
    """A query of a panel: the dashboard's name, the panel, and the target as it stands in the file."""

    dashboard: str
    panel: Mapping[str, Any]
    target: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.dashboard}/{self.panel['title']}/{self.target['refId']}"


@dataclass(frozen=True)
class Range:
    """What is chosen in the browser: the time up to `until`, and a value of each variable; without them all values."""

    until: datetime
    length: timedelta
    chosen: Mapping[str, Sequence[str]]

    def step_s(self, panel: Mapping[str, Any]) -> int:
        """Return seconds between two points: a round number, and no less than the panel's own."""
        least = panel.get("interval", "1s")
        shortest = int(least[:-1]) * _UNITS_S.get(least[-1], 1)
        wanted = max(shortest, self.length.total_seconds() / POINTS)
        return next(step for step in STEPS_S if step >= wanted)


def panels(dashboard: str) -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARDS[dashboard]["panels"] if panel["type"] != "row"]


def queries(kind: str) -> list[Query]:
    """Return every query to a kind of datasource, of all dashboards."""
    return [
        Query(name, panel, target)
        for name in DASHBOARDS
        for panel in panels(name)
        for target in panel["targets"]
        if target["datasource"]["type"] == kind
    ]


def variables(kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the variables whose values come from a kind of datasource, each with its dashboard."""
    for name, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"]:
            if variable["datasource"]["type"] == kind:
                yield name, variable


def sql(query: Query, over: Range) -> str:
    """Return a query to ClickHouse as the datasource's plugin sends it. Raises KeyError for a macro that it has not."""
    text, step = query.target["rawSql"], over.step_s(query.panel)
    begin, end = over.until - over.length, over.until
    at = {"fromTime": _seconds(begin), "toTime": _seconds(end), "interval_s": str(step)}
    text = re.sub(rf"\$__({'|'.join(at)})\b(?!\()", lambda found: at[found[1]], text)
    expanded: dict[str, Callable[[list[str]], str]] = {
        "timeFilter": lambda a: f"{a[0]} >= {_seconds(begin)} AND {a[0]} <= {_seconds(end)}",
        "dateFilter": lambda a: f"{a[0]} >= toDate('{begin:%F}') AND {a[0]} <= toDate('{end:%F}')",
        "timeInterval": lambda a: f"toStartOfInterval(toDateTime({a[0]}), INTERVAL {step} second)",
        "conditionalAll": lambda a: a[0] if a[1].strip(" $") in over.chosen else "1=1",
    }
    while found := _CALL.search(text):
        arguments, end_of_call = _arguments(text, found.end())
        text = text[: found.start()] + expanded[found[1]](arguments) + text[end_of_call:]
    for name, values in over.chosen.items():
        text = text.replace(f"${{{name}:singlequote}}", ",".join(f"'{value}'" for value in values))
    assert "$" not in text, text
    return text


def promql(target: Mapping[str, Any], panel: Mapping[str, Any], over: Range) -> str:
    """Return a query to Prometheus as Grafana sends it."""
    text, step = target["expr"], over.step_s(panel)
    for name, value in (
        ("$__rate_interval", f"{max(60, step + 15)}s"),
        ("$__interval", f"{step}s"),
        ("$__range", f"{int(over.length.total_seconds())}s"),
    ):
        text = text.replace(name, value)
    for name, values in over.chosen.items():
        text = re.sub(
            rf"\${name}\b", lambda _, v=values: f"({'|'.join(map(re.escape, v))})".replace("\\", "\\\\"), text
        )
    assert not re.search(r"\$\{?[a-zA-Z_]", text), text
    return text


def _seconds(time: datetime) -> str:
    return f"toDateTime({int(time.timestamp())})"


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """Return the arguments of a call, and where it ends."""
    depth, begin, found = 0, start, []
    for place in range(start, len(text)):
        letter = text[place]
        if letter in "([{":
            depth += 1
        elif letter in ")]}" and depth:
            depth -= 1
        elif letter == ")":
            return [*found, text[begin:place].strip()], place + 1
        elif letter == "," and not depth:
            found.append(text[begin:place].strip())
            begin = place + 1
    raise AssertionError(f"a macro is not closed: {text[start:]}")
