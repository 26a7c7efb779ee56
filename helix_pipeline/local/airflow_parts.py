"""The parts of Airflow as one process to start and stop: API server, scheduler, DAG processor, triggerer.

`airflow standalone` does the same, but its log servers listen on all interfaces, and its scheduler starts tasks before
the API server takes their calls: on a busy machine the first tasks fail.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

_API_SERVER = "api-server"
_OTHERS = {"scheduler": ("--skip-serve-logs",), "dag-processor": (), "triggerer": ("--skip-serve-logs",)}
_MIGRATION_TIMEOUT_S = 120
_API_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.2


def main() -> int:
    """Bring the database up to date and run all parts until TERM or INT (0), or until one of them ends (1)."""
    os.chdir(Path(__file__).parents[2])  # the paths in spark-conf/spark-defaults.conf are relative to it
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: stopping.set())
    _make_database(urlsplit(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]))
    subprocess.run(_airflow("db", "migrate"), check=True, timeout=_MIGRATION_TIMEOUT_S)
    parts = {_API_SERVER: subprocess.Popen(_airflow(_API_SERVER))}
    try:
        if not _run(parts, stopping, until=_api_answers, timeout_s=_API_TIMEOUT_S):
            return 0 if stopping.is_set() else 1
        parts |= {name: subprocess.Popen(_airflow(name, *options)) for name, options in _OTHERS.items()}
        _run(parts, stopping)
    finally:
        _stop(parts)
    return 0 if stopping.is_set() else 1


def _make_database(place: SplitResult) -> None:
    """Make Airflow's database where it is missing; PostgreSQL may still be starting."""
    name = place.path.removeprefix("/")
    with _connect(place._replace(scheme="postgresql", path="/postgres").geturl()) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


@retry(retry=retry_if_exception_type(psycopg.OperationalError), wait=wait_fixed(0.5), stop=stop_after_delay(60))
def _connect(url: str) -> psycopg.Connection[TupleRow]:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _run(
    parts: Mapping[str, subprocess.Popen[bytes]],
    stopping: threading.Event,
    until: Callable[[], bool] = lambda: False,
    timeout_s: float = float("inf"),
) -> bool:
    """Wait for `until`; returns False where it is told to stop, a part ends or the time is up before."""
    deadline = time.monotonic() + timeout_s
    while not stopping.wait(_POLL_S):
        ended = [f"{name} ended with {part.returncode}" for name, part in parts.items() if part.poll() is not None]
        if ended or time.monotonic() > deadline:
            _say(f"{', '.join(ended) or f'error: no API after {timeout_s:.0f} s'}: stopping all parts")
            return False
        if until():
            return True
    return False


def _api_answers() -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["AIRFLOW__API__PORT"])), timeout=1).close()
    except OSError:
        return False
    return True


def _stop(parts: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for part in parts.values():
        part.terminate()
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    for name, part in parts.items():
        try:
            part.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _say(f"{name} does not end: killed")
            part.kill()
            part.wait()


def _say(text: str) -> None:
    print(f"airflow: {text}", flush=True)  # noqa: T201 - the server's log


if __name__ == "__main__":
    sys.exit(main())
