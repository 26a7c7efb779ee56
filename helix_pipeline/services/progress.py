"""What the streaming queries last reported, read without Spark."""

import json
from typing import Any

import psutil

from helix_pipeline.settings import Settings


def read_progress(settings: Settings) -> list[dict[str, Any]]:
    """Return the newest state of each query that ever ran.

    Keys: query, state, rows_per_second, lag (records), batch_seconds, failures, written, rejected, replayed,
    updated_at (seconds since 1970). `lost` is the state of one whose process is gone without a word.
    """
    states = []
    for path in sorted((settings.home / "streams").glob("*.json")):
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["state"] == "running" and not psutil.pid_exists(state["pid"]):
            state["state"] = "lost"
        states.append(state)
    return states
