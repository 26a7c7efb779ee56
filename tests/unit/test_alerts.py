"""Alerts: which states of streams are one, and that each is told once, to a real web server."""

import json
import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from web_server import answered, web_server

from helix_pipeline.services.alerts import clear, stream_problems, tell
from helix_pipeline.settings import Settings, load

NOW = 1_780_000_000.0


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a web server, and the alerts that it got."""
    got: list[dict[str, Any]] = []

    def note(request: BaseHTTPRequestHandler, body: bytes) -> None:
        got.append(json.loads(body))
        answered(request, b"", 204)

    with web_server(note) as url:
        yield f"{url}/", got


def home_with(tmp_path: Path, **state: Any) -> Settings:
    known = {"query": "lake_debates", "state": "running", "lag": 0, "pid": os.getpid(), "updated_at": NOW}
    (tmp_path / "streams").mkdir(exist_ok=True)
    (tmp_path / "streams" / "lake_debates.json").write_text(json.dumps(known | state))
    return load(environ={}, flags={"home": tmp_path})


def test_where_no_stream_ever_ran_nothing_is_wrong(tmp_path: Path) -> None:
    assert stream_problems(load(environ={}, flags={"home": tmp_path}), NOW) == []


@pytest.mark.parametrize(
    "state",
    [{}, {"state": "stopped", "updated_at": NOW - 9e6}, {"lag": 200_000}, {"updated_at": NOW - 300}],
    ids=["running", "stopped on purpose", "at the limit of lag", "at the limit of silence"],
)
def test_what_is_well_is_no_problem(tmp_path: Path, state: dict[str, Any]) -> None:
    assert stream_problems(home_with(tmp_path, **state), NOW) == []


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"state": "failed", "error": "broker away"}, "lake_debates is failed: broker away"),
        ({"pid": 2**22 + 1}, "lake_debates is lost: its process is gone"),
        ({"updated_at": NOW - 301}, "lake_debates is silent for 301 s (limit 300 s)"),
        ({"lag": 200_001}, "lake_debates is 200,001 records behind (limit 200,000)"),
        ({"state": "stopped", "lag": 200_001}, "lake_debates is 200,001 records behind (limit 200,000)"),
    ],
    ids=["failed", "lost", "silent", "behind", "stopped and behind"],
)
def test_what_is_wrong_is_told_with_its_figures(tmp_path: Path, state: dict[str, Any], problem: str) -> None:
    assert stream_problems(home_with(tmp_path, **state), NOW) == [problem]


def test_an_alert_is_told_once_until_it_is_another_or_was_cleared(tmp_path: Path, webhook: Any) -> None:
    url, got = webhook
    settings = load(environ={"HELIX_ALERT_WEBHOOK": url}, flags={"home": tmp_path})
    assert tell(settings, "stream_watch.watch", "lake is 300,000 records behind", "http://airflow/run")
    assert not tell(settings, "stream_watch.watch", "lake is 412,345 records behind"), "only a number differs"
    assert tell(settings, "stream_watch.watch", "graph is failed")
    assert tell(settings, "lake_maintenance.submit", "graph is failed"), "another source"
    clear(settings, "stream_watch.watch")
    assert tell(settings, "stream_watch.watch", "graph is failed")
    assert [alert["reason"] for alert in got] == ["lake is 300,000 records behind", *["graph is failed"] * 3]
    assert got[0] == {
        "text": "stream_watch.watch: lake is 300,000 records behind",
        "source": "stream_watch.watch",
        "reason": "lake is 300,000 records behind",
        "link": "http://airflow/run",
    }


def test_an_alert_is_repeated_after_a_while(tmp_path: Path) -> None:
    settings = load(environ={}, flags={"home": tmp_path, "alerts.repeat_s": 0.05})
    assert tell(settings, "one", "down")
    time.sleep(0.1)
    assert tell(settings, "one", "down")


def test_an_alert_that_the_webhook_did_not_take_is_told_again(tmp_path: Path) -> None:
    settings = load(environ={"HELIX_ALERT_WEBHOOK": "http://127.0.0.1:1/"}, flags={"home": tmp_path})
    assert tell(settings, "one", "down")
    assert tell(settings, "one", "down")


def test_the_memory_of_alerts_stays_in_its_folder(tmp_path: Path) -> None:
    settings = load(environ={}, flags={"home": tmp_path})
    tell(settings, "../../elsewhere/x", "down")
    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / "alerts"]
