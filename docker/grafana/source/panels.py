"""Panels and dashboards of Grafana as data: what all of them share, and how panels flow onto the grid."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

GRID = 24
"""Columns of a dashboard; a panel that does not fit into the rest of a line begins the next."""

CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "helix-clickhouse"}
PROMETHEUS = {"type": "prometheus", "uid": "helix-prometheus"}
STAT_HEIGHT, PLOT_HEIGHT = 4, 8

_TAG = "helix"
_FORMATS = {"timeseries": 0, "table": 1}
_LEVELS = ("green", "orange", "red")


def rows(sql: str) -> Json:
    """Ask ClickHouse for rows."""
    return _sql(sql, "table")


def series(sql: str) -> Json:
    """Ask ClickHouse for series: a column `time`, then names if there are several, then values."""
    return _sql(sql, "timeseries")


def _sql(sql: str, kind: str) -> Json:
    target = {"editorType": "sql", "queryType": kind, "format": _FORMATS[kind], "rawSql": sql}
    return {"datasource": CLICKHOUSE, **target}


def metric(expression: str, legend: str = "") -> Json:
    """Ask Prometheus for series over the range; `legend` may name labels in {{}}."""
    return {"datasource": PROMETHEUS, "expr": expression, "legendFormat": legend, "range": True, "instant": False}


def now(expression: str, legend: str = "") -> Json:
    """Ask Prometheus for the newest values alone."""
    wanted = {"expr": expression, "legendFormat": legend, "range": False, "instant": True}
    return {"datasource": PROMETHEUS, **wanted}


def levels(*limits: float) -> Json:
    """Green below the first limit, then orange, then red; limits that fall mean that less is worse."""
    falling = len(limits) > 1 and limits[0] > limits[-1]
    bounds = [None, *sorted(limits)]
    colours = _LEVELS[: len(bounds)]
    ordered = reversed(colours) if falling else colours
    return {
        "mode": "absolute",
        "steps": [{"color": colour, "value": bound} for bound, colour in zip(bounds, ordered, strict=True)],
    }


def stat(title: str, description: str, target: Json, unit: str = "short", limits: Json | None = None) -> Json:
    """One number, coloured by its limits where it has any."""
    coloured = {"thresholds": limits or levels(), "color": {"mode": "thresholds"}, "unit": unit}
    options = {
        "colorMode": "value" if limits else "none",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "value",
    }
    return _panel("stat", title, description, [target], {**coloured, "noValue": "no data"}, options, (4, STAT_HEIGHT))


def plot(
    title: str,
    description: str,
    *targets: Json,
    unit: str = "short",
    limits: Json | None = None,
    stacked: bool = False,
    bars: bool = False,
    width: int = 12,
    every: str = "1m",
) -> Json:
    """Lines over time, or bars. `limits` are drawn as lines; `every` is the least distance of two points."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if bars else 25 if stacked else 5,
        "lineWidth": 0 if bars else 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    defaults = {"unit": unit, "min": 0, "custom": custom, "thresholds": limits or levels()}
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max", "lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    found = _panel("timeseries", title, description, targets, defaults, options, (width, PLOT_HEIGHT))
    return found | {"interval": every}


def columns(title: str, description: str, target: Json, category: str) -> Json:
    """A bar for each row, by the column that names it."""
    options = {"xField": category, "legend": {"showLegend": False}, "showValue": "auto"}
    defaults = {"min": 0, "custom": {"fillOpacity": 70}}
    return _panel("barchart", title, description, [target], defaults, options, (12, PLOT_HEIGHT))


def timeline(title: str, description: str, target: Json, values: Mapping[int, tuple[str, str]]) -> Json:
    """A band for each series, coloured by its value: number -> (word, colour)."""
    words = {str(value): {"text": text, "color": colour} for value, (text, colour) in values.items()}
    defaults = {"mappings": [{"type": "value", "options": words}], "custom": {"fillOpacity": 80}}
    options = {"mergeValues": True, "showValue": "never", "rowHeight": 0.8, "legend": {"displayMode": "list"}}
    return _panel("state-timeline", title, description, [target], defaults, options, (12, PLOT_HEIGHT))


def table(
    title: str, description: str, target: Json, units: Mapping[str, str], *, sort: str = "", width: int = GRID
) -> Json:
    """Rows, with the unit of each column that has one, the largest of `sort` first."""
    overrides = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in units.items()
    ]
    options = {"showHeader": True, "sortBy": [{"displayName": sort, "desc": True}] if sort else []}
    asked = target | {"format": "table"} if target["datasource"] is PROMETHEUS else target
    found = _panel("table", title, description, [asked], {}, options, (width, PLOT_HEIGHT + 1))
    found["fieldConfig"]["overrides"] = overrides
    return found


def heading(title: str) -> Json:
    """A line across the dashboard that begins a part of it."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": GRID, "h": 1}}


def choice(name: str, label: str, datasource: Json, query: str) -> Json:
    """A variable with several values, all by default: the first column of a query, or Prometheus's label_values()."""
    asked = {"query": query, "refId": "values"} if datasource is PROMETHEUS else query
    picked = {"multi": True, "includeAll": True, "current": {"text": "All", "value": "$__all"}}
    fresh = {"refresh": 2, "sort": 1}
    return {"type": "query", "name": name, "label": label, "datasource": datasource, "query": asked, **picked, **fresh}


def dashboard(
    uid: str,
    title: str,
    description: str,
    panels: Sequence[Json],
    *,
    variables: Sequence[Json] = (),
    since: str = "24h",
) -> Json:
    """A dashboard whose panels stand from left to right, line by line."""
    linked = {"type": "dashboards", "tags": [_TAG], "title": "Helix", "asDropdown": True, "includeVars": False}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [_TAG],
        "timezone": "utc",
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": f"now-{since}", "to": "now"},
        "links": [{**linked, "keepTime": True}],
        "templating": {"list": list(variables)},
        "annotations": {"list": []},
        "panels": _placed(panels),
    }


def _panel(  # noqa: PLR0917 - the parts of a panel, given by each kind above in this order
    kind: str,
    title: str,
    description: str,
    targets: Sequence[Json],
    defaults: Json,
    options: Json,
    size: tuple[int, int],
) -> Json:
    named = [{**target, "refId": chr(ord("A") + place)} for place, target in enumerate(targets)]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": targets[0]["datasource"],
        "targets": named,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "gridPos": {"w": size[0], "h": size[1]},
    }


def _placed(panels: Sequence[Json]) -> list[Json]:
    """Give each panel its id and place."""
    placed, x, y, tallest = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        width, height = panel["gridPos"]["w"], panel["gridPos"]["h"]
        if x + width > GRID:
            x, y, tallest = 0, y + tallest, 0
        placed.append({**panel, "id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, tallest = x + width, max(tallest, height)
    return placed
