"""What `helix jobs` asks the HTTP API, and its problems as errors of one line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from helix_pipeline.errors import HelixError, QualityError, UsageError

TIMEOUT_S = 30.0
FINISHED = ("succeeded", "failed", "cancelled")


class ApiError(HelixError):
    """The API is not there, or could not do what was asked."""


class JobsClient:
    """A client of one API; use as a context manager."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Return the answer: a JSON document, or text.

        Raises UsageError for what the API refuses, ApiError where it does not answer or fails.
        """
        try:
            answer = httpx.request(method, f"{self._url}{path}", timeout=TIMEOUT_S, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            hint = "start it with `helix api`, or name another with --url"
            raise ApiError(f"no API at {self._url} ({error or type(error).__name__}): {hint}") from None
        if answer.is_error:
            raise _problem(answer)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json() if is_json else answer.text

    def job(self, job_id: str, part: str = "status", **params: Any) -> Any:
        """Return `status`, `logs` or `result` of a job."""
        return self.ask("GET", f"/v1/spark/jobs/{job_id}/{part}", params=params)


def ended(status: Mapping[str, Any]) -> HelixError | None:
    """Return how a job ended as the error that the command line ends with; None where it succeeded."""
    if status["status"] == "succeeded":
        return None
    if status["status"] == "cancelled":
        return ApiError(f"{status['job_id']} was cancelled")
    text = f"{status['job_id']} failed: {status['error'] or 'no reason is known, see `helix jobs logs`'}"
    kinds: dict[int, type[HelixError]] = {2: UsageError, 3: QualityError}
    return kinds.get(status["exit_code"] or 1, ApiError)(text)


def _problem(answer: httpx.Response) -> HelixError:
    try:
        found = answer.json()
        text = f"{found['detail']} ({found['hint']})"
    except (ValueError, KeyError, TypeError):
        text = f"{answer.status_code} {answer.reason_phrase} from {answer.url}"
    return UsageError(text) if answer.is_client_error else ApiError(text)


@contextmanager
def interruptible() -> Iterator[None]:
    """End with 130 on Ctrl-C, as shells do; the job goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
