"""Models behind OpenAI-compatible endpoints: a question and its answer, within a time and a size.

A question is asked once: whoever asks has another answer to fall back on, and must not wait for a second failure.
"""

import json
import time
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

from helix_pipeline.errors import SettingsError, StoreError

CONNECT_S = 5.0
MAX_ANSWER = 1 << 20
"""Bytes of a chat model's answer; a longer one is given up."""


class ChatSettings(Protocol):
    """The settings of a chat model: where it is, its name, a key if it wants one, and seconds to wait for an answer."""

    @property
    def llm_base_url(self) -> str | None:
        """Address of an OpenAI-compatible endpoint."""

    @property
    def llm_model(self) -> str | None:
        """Name of the model there."""

    @property
    def llm_api_key(self) -> SecretStr | None:
        """Key that it wants, if any."""

    @property
    def llm_timeout_s(self) -> float:
        """Seconds to wait for an answer."""


def ask(settings: ChatSettings, instructions: str, question: str, max_tokens: int) -> str:
    """Return the answer of the model `settings.llm_model` at `settings.llm_base_url` to a question.

    `instructions` go before it as the system's; the answer has at most `max_tokens` tokens, as the model counts.
    Raises StoreError where no whole answer came within about `settings.llm_timeout_s` seconds, SettingsError where no
    endpoint is set.
    """
    if settings.llm_base_url is None or settings.llm_model is None:
        raise SettingsError("llm_base_url and llm_model are not set: set both (CONTEXT_LLM_…, GRAPH_LLM_…)")
    said = [{"role": "system", "content": instructions}, {"role": "user", "content": question}]
    body = {"model": settings.llm_model, "messages": said, "max_tokens": max_tokens, "temperature": 0, "stream": False}
    url = f"{settings.llm_base_url.rstrip('/')}/chat/completions"
    with endpoint(settings.llm_api_key, settings.llm_timeout_s) as client:
        found = posted(client, url, body, settings.llm_timeout_s, MAX_ANSWER)
    try:
        return _content(found)
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{url} gives no usable answer ({error}): is it OpenAI-compatible?") from None


def endpoint(key: SecretStr | None, timeout_s: float) -> httpx.Client:
    """Return a client for `posted`, which sends the key if there is one."""
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    return httpx.Client(headers=headers, timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)))


def posted(client: httpx.Client, url: str, body: dict[str, Any], timeout_s: float, largest: int) -> Any:
    """Send JSON to an endpoint and return the JSON that it answers, of at most `largest` bytes.

    Raises StoreError where there is no such answer within about `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with client.stream("POST", url, json=body) as answer:
            return json.loads(_read(answer.raise_for_status(), deadline, largest))
    except httpx.HTTPStatusError as error:
        raise StoreError(f"{url} answers {error.response.status_code}: check the model and the key") from None
    except TimeoutError:
        raise StoreError(f"{url} does not answer (not within {timeout_s:g} s): is it overloaded?") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StoreError(f"{url} does not answer ({error or type(error).__name__}): check the base URL") from None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{url} gives no usable answer ({error}): is it OpenAI-compatible?") from None


def _read(answer: httpx.Response, deadline: float, largest: int) -> bytes:
    """Return a body; raises TimeoutError where it goes on past the deadline, ValueError where it is too long."""
    found = bytearray()
    for part in answer.iter_bytes():
        found += part
        if len(found) > largest:
            raise ValueError(f"it has more than {largest:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(found)


def _content(answer: Any) -> str:
    choice = answer["choices"][0]
    text = choice["message"]["content"]
    if choice.get("finish_reason") == "length":
        raise ValueError("it was cut at its largest number of tokens")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("it is empty")
    return text.strip()
