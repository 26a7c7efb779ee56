"""An answer of analytics as the API and the shell tell it: one level, with where it is from."""

from dataclasses import fields
from typing import Any

from helix_pipeline.services.analytics.stores import Answered


def told(found: Answered[Any], name: str = "") -> dict[str, Any]:
    """Return the fields of a report, or all of it under a name; its window as text, `from` and `to`."""
    report = found.value
    parts = {name: report} if name else {one.name: getattr(report, one.name) for one in fields(report)}
    window = parts.pop("within", None)
    time = {"window": window.text, "from": window.since, "to": window.until} if window else {}
    return time | parts | {"source": found.source, "degraded": found.degraded, "notes": found.notes}
