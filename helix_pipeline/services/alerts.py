"""What needs a person: streams that are down, silent or behind; and telling it once, not every few minutes."""

import json
import re
import time
from pathlib import Path

import httpx
import structlog

from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings

_log = structlog.get_logger(__name__)
_WEBHOOK_TIMEOUT_S = 5.0
_NUMBER = re.compile(r"\d[\d,.:T-]*")


def stream_problems(settings: Settings, now: float) -> list[str]:
    """Return one line per query of the streams that is failed, lost, silent or too far behind; empty where all is well.

    `now` is in seconds since 1970. A query that was stopped on purpose is no problem.
    """
    limits, problems = settings.alerts, []
    for state in read_progress(settings):
        name, silent_s = state["query"], now - state["updated_at"]
        if state["state"] in ("failed", "lost"):
            problems.append(f"{name} is {state['state']}: {state.get('error') or 'its process is gone'}")
        elif state["state"] == "running" and silent_s > limits.stream_silence_s:
            problems.append(f"{name} is silent for {silent_s:.0f} s (limit {limits.stream_silence_s:.0f} s)")
        elif state["lag"] > limits.stream_lag:
            problems.append(f"{name} is {state['lag']:,} records behind (limit {limits.stream_lag:,})")
    return problems


def tell(settings: Settings, source: str, reason: str, link: str = "") -> bool:
    """Log an alert and POST it to the webhook, if one is set; returns whether it was told now.

    What was told of the same `source` less than `alerts.repeat_s` ago, but for its numbers, is not told again. An
    alert that the webhook did not take is told at the next occasion.
    """
    memory = _memory(settings, source)
    if _told_before(memory, reason, settings.alerts.repeat_s):
        return False
    _log.error("alert", source=source, reason=reason, link=link)
    if _posted(settings, {"text": f"{source}: {reason}", "source": source, "reason": reason, "link": link}):
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps({"reason": _gist(reason), "told_at": time.time()}), encoding="utf-8")
    return True


def clear(settings: Settings, source: str) -> None:
    """Forget the alert of a source that is well again: its next one is told at once."""
    _memory(settings, source).unlink(missing_ok=True)


def _memory(settings: Settings, source: str) -> Path:
    return settings.home / "alerts" / (re.sub(r"[^\w.-]", "_", source) + ".json")


def _told_before(memory: Path, reason: str, repeat_s: float) -> bool:
    if not memory.exists():
        return False
    told = json.loads(memory.read_text(encoding="utf-8"))
    return bool(told["reason"] == _gist(reason) and time.time() - told["told_at"] < repeat_s)


def _gist(reason: str) -> str:
    return _NUMBER.sub("#", reason)


def _posted(settings: Settings, alert: dict[str, str]) -> bool:
    url = settings.alerts.webhook_url
    if url is None:
        return True
    try:
        httpx.post(url.get_secret_value(), json=alert, timeout=_WEBHOOK_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        _log.warning("the webhook did not take an alert", source=alert["source"], error=type(error).__name__)
        return False
    return True
