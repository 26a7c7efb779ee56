"""A process of `helix api`, asked over HTTP; and the processes of its jobs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil

from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write

FINISHED = ("succeeded", "failed", "cancelled")


class Api:
    """A process of `helix api`, asked over HTTP."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = f"http://127.0.0.1:{settings.api.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        folder = self.settings.home / "api"
        folder.mkdir(exist_ok=True)
        write(self.settings, folder / "settings.yaml")
        environment = {**os.environ, **variables(self.settings, folder / "settings.yaml")}
        with (folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "helix_pipeline.cli", "api"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_for(self.answers, 60, "the API")

    def answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/livez", timeout=2).is_success
        return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(40)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, f"{self.url}/v1/spark/{path}", timeout=30, **options)

    def submit(self, **body: Any) -> str:
        answer = self.ask("POST", "jobs", json={"job_type": "ProviderPerformance", **body})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def status(self, job_id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"jobs/{job_id}/status").json())

    def until(self, job_id: str, reached: Callable[[dict[str, Any]], bool], limit_s: float) -> list[dict[str, Any]]:
        """Follow a job; return every state that was seen, the last being the one that was waited for."""
        seen = [self.status(job_id)]

        def look() -> bool:
            seen.append(self.status(job_id))
            return reached(seen[-1]) or seen[-1]["status"] in FINISHED

        wait_for(look, limit_s, f"{job_id}, last seen {seen[-1]}")
        return seen

    def log(self, job_id: str) -> str:
        return self.ask("GET", f"jobs/{job_id}/logs").text


@contextmanager
def running(found: Api) -> Iterator[Api]:
    found.start()
    try:
        yield found
    finally:
        if found.process is not None and found.process.poll() is None:
            found.stop()


def processes(job_id: str) -> list[psutil.Process]:
    """Every process of a job: those whose command names it, and their descendants."""
    named = [p for p in psutil.process_iter(["cmdline"]) if any(job_id in part for part in p.info["cmdline"] or [])]
    found = {p.pid: p for p in named}
    for process in named:
        with suppress(psutil.NoSuchProcess):
            found.update({child.pid: child for child in process.children(recursive=True)})
    return [p for p in found.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def wait_for(reached: Callable[[], bool], limit_s: float, what: str) -> None:
    deadline = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"
        time.sleep(0.2)
