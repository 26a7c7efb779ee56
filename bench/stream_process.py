"""`helix stream` as a process of its own, which benchmarks start, watch, stop and kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any

import psutil
from ports import PORT_KEYS

from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import ENVIRONMENT, Settings
from helix_pipeline.spark.queries import QUERIES

START_TIMEOUT_S = 180
CATCH_UP_TIMEOUT_S = 480


class Stream:
    """`helix stream` as a process of its own."""

    def __init__(self, settings: Settings, until_caught_up: bool = False, **variables: str) -> None:
        self._settings, self.started = settings, time.time()
        arguments = ["stream", "--json", *(["--until-caught-up"] if until_caught_up else [])]
        log = (settings.home / "logs" / "stream.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "helix_pipeline.cli", *arguments],
            env=environment(settings) | variables,
            stdout=log,
            stderr=log,
        )

    def wait_for_batches(self) -> None:
        """Return as soon as any query has finished a batch since the start."""
        self._wait(lambda states: any(state.get("batch") is not None for state in states), "no batch")

    def wait_until_up(self) -> None:
        """Return as soon as every query runs."""
        self._wait(lambda states: len(states) == len(QUERIES), "not every query runs")

    def _wait(self, ready: Callable[[list[dict[str, Any]]], bool], otherwise: str) -> None:
        """Wait until the states that the queries of this process reported are as wanted."""
        deadline, log = time.monotonic() + START_TIMEOUT_S, self._settings.home / "logs" / "stream.log"
        while time.monotonic() < deadline:
            reported = [state for state in read_progress(self._settings) if state["updated_at"] > self.started]
            if ready([state for state in reported if state["pid"] in self.family()]):
                return
            if self.process.poll() is not None:
                raise SystemExit(f"helix stream ended with {self.process.returncode}; see {log}")
            time.sleep(0.05)
        raise SystemExit(f"{otherwise} within {START_TIMEOUT_S} s; see {log}")

    def family(self) -> list[int]:
        """Return the pids of the process and all its children."""
        try:
            root = psutil.Process(self.process.pid)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Kill -9 the driver, its JVM and the Python workers."""
        for pid in self.family():
            kill(pid)
        self.process.wait(30)

    def stop(self) -> None:
        """Ask the process to end and wait for it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def finish(self) -> None:
        """Wait until the process has caught up."""
        if self.process.wait(CATCH_UP_TIMEOUT_S):
            raise SystemExit(f"helix stream ended with {self.process.returncode}; see its log")


@contextmanager
def running(settings: Settings) -> Iterator[Stream]:
    """Run the streams within the block, from when all of them are up."""
    stream = Stream(settings)
    try:
        stream.wait_until_up()
        yield stream
        stream.stop()
    finally:
        stream.kill()


def kill(pid: int | None) -> None:
    """Kill -9 a process that may be gone already."""
    if pid is not None:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # a server is this process's child: PostgreSQL takes a zombie for a running server


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a child process these settings."""
    names = {key: name for name, key in ENVIRONMENT.items()}
    ports = {names[key]: str(attrgetter(key)(settings)) for key in PORT_KEYS}
    extra = {"HELIX_HOME": str(settings.home), "HELIX_METRICS_PORT": "0"}
    return {**os.environ, **ports, **extra}
