"""Airflow's REST API v2: start a run of a DAG under an id of one's own, ask for it, end it, read a task's log."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any
from urllib.parse import quote

import httpx

from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.settings import Settings

MAX_LOG_LINE = 4_000


class Scheduler:
    """A client that may be used from several threads. `password` is asked for when a token is needed."""

    def __init__(self, settings: Settings, password: Callable[[], str | None]) -> None:
        self._user = settings.airflow.username
        self._password = password
        self._address = settings.airflow.address
        self._client = httpx.Client(base_url=self._address, timeout=settings.airflow.timeout_s)
        self._token: str | None = None
        self._lock = Lock()

    def trigger(self, dag: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run; one of this id that is there already is the same run.

        Raises UsageError where the DAG does not take `conf`, StoreError where Airflow does not answer or does not
        know the DAG.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        answer = self._ask("POST", f"/api/v2/dags/{quote(dag)}/dagRuns", json=body)
        if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
            raise UsageError(f"Airflow refuses the run of {dag}: {_reason(answer)}")
        if answer.status_code != httpx.codes.CONFLICT:
            self._require(answer, f"DAG {dag} cannot be run")

    def state(self, dag: str, run_id: str) -> str | None:
        """Return `queued`, `running`, `success` or `failed`; None where there is no such run."""
        answer = self._ask("GET", _run(dag, run_id))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        self._require(answer, f"run {run_id} cannot be read")
        return str(answer.json()["state"])

    def task(self, dag: str, run_id: str, task: str) -> tuple[str | None, int]:
        """Return the state of a task, None where it was not looked at yet, and how often it was begun."""
        answer = self._ask("GET", f"{_run(dag, run_id)}/taskInstances/{quote(task)}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None, 0
        self._require(answer, f"task {task} of {run_id} cannot be read")
        found = answer.json()
        return found["state"], int(found["try_number"])

    def end(self, dag: str, run_id: str) -> None:
        """Set a run to failed: Airflow ends the processes of its tasks."""
        answer = self._ask("PATCH", _run(dag, run_id), json={"state": "failed"})
        self._require(answer, f"run {run_id} cannot be ended")

    def log(self, dag: str, run_id: str, task: str, number: int, lines: int) -> list[str]:
        """Return the last lines of what a try of a task wrote; nothing where it has not begun."""
        path = f"{_run(dag, run_id)}/taskInstances/{quote(task)}/logs/{number}"
        last: deque[str] = deque(maxlen=lines)
        with self._failing(), self._stream(path) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return []
            self._require(answer, f"the log of {run_id} cannot be read")
            last.extend(line for line in answer.iter_lines() if line)
        return [_plain_line(line) for line in last]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _failing(self) -> Any:
        try:
            yield
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            hint = "start it with `helix up --with airflow`, or set AIRFLOW_URL"
            raise StoreError(f"Airflow at {self._address} does not answer ({reason}): {hint}") from None

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a request; a token that has run out is renewed once."""
        with self._failing():
            answer = self._client.request(method, path, headers=self._bearer(), **options)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = None
                answer = self._client.request(method, path, headers=self._bearer(), **options)
            return answer

    def _stream(self, path: str) -> Any:
        self._ask("GET", "/api/v2/version")
        headers = {**self._bearer(), "Accept": "application/x-ndjson"}
        return self._client.stream("GET", path, headers=headers)

    def _bearer(self) -> dict[str, str]:
        with self._lock:
            if self._token is None:
                self._token = self._new_token()
            return {"Authorization": f"Bearer {self._token}"}

    def _new_token(self) -> str:
        password = self._password()
        if password is None:
            raise StoreError(
                "no password for Airflow: start it with `helix up --with airflow`, or set AIRFLOW_PASSWORD"
            )
        answer = self._client.post("/auth/token", json={"username": self._user, "password": password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise StoreError(f"Airflow at {self._address} refuses user {self._user!r}: check AIRFLOW_PASSWORD")
        return str(answer.raise_for_status().json()["access_token"])

    def _require(self, answer: httpx.Response, problem: str) -> None:
        if answer.is_error:
            raise StoreError(f"Airflow at {self._address}: {problem} ({answer.status_code}: {_reason(answer)})")


def _run(dag: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run_id)}"


def _reason(answer: httpx.Response) -> str:
    answer.read()
    try:
        found = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        found = answer.text
    return " ".join(str(found).split())[:300]


def _plain_line(line: str) -> str:
    """Return a line of a structured log as time, level and message."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:MAX_LOG_LINE]
    if not isinstance(entry, dict):
        return str(entry)[:MAX_LOG_LINE]
    parts = entry.get("timestamp"), str(entry.get("level") or "").upper(), entry.get("event")
    return " ".join(str(part) for part in parts if part)[:MAX_LOG_LINE]
