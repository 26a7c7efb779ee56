"""Vectors of texts from a real HTTP server that speaks the protocol, in bounded requests; else the static ones."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest
from web_server import answered, web_server

from helix_pipeline.errors import SettingsError, StoreError
from helix_pipeline.settings_sections import ContextSettings
from helix_pipeline.stores.embeddings import BATCH, LONGEST_TEXT, encode, vectors
from helix_pipeline.telemetry import CONTEXT_EMBEDDINGS

Answer = Callable[[dict[str, Any]], bytes]


def lengths(body: dict[str, Any]) -> bytes:
    """Answer with each text's length, last text first: the protocol numbers the vectors."""
    rows = [{"object": "embedding", "index": place, "embedding": [len(text), 1.5]} for place, text in _texts(body)]
    return json.dumps({"object": "list", "model": body["model"], "data": rows[::-1]}).encode()


def _texts(body: dict[str, Any]) -> list[tuple[int, str]]:
    return list(enumerate(body["input"]))


def slow(_: dict[str, Any]) -> bytes:
    time.sleep(5)
    return b""


@contextmanager
def endpoint(answer: Answer, status: int = 200, asked: list[dict[str, Any]] | None = None) -> Iterator[ContextSettings]:
    """Settings of an endpoint; `asked` collects what it was sent."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        given = json.loads(body)
        if asked is not None:
            asked.append({"path": request.path, "key": request.headers["Authorization"], **given})
        answered(request, answer(given), status)

    key: Any = "secret-key"
    with web_server(respond) as url:
        yield ContextSettings(
            embeddings_base_url=f"{url}/v1/", embeddings_model="small", embeddings_api_key=key, embeddings_timeout_s=0.5
        )


def counted(result: str) -> float:
    return CONTEXT_EMBEDDINGS.labels(result)._value.get()


def test_vectors_come_in_the_order_of_the_texts_in_bounded_requests():
    asked: list[dict[str, Any]] = []
    texts = ["x" * number for number in range(1, BATCH + 3)]
    with endpoint(lengths, asked=asked) as settings:
        found = encode(settings, texts)
    assert found.dtype == np.float32
    assert found.tolist() == [[number, 1.5] for number in range(1, BATCH + 3)]
    assert [len(one["input"]) for one in asked] == [BATCH, 2]
    assert {(one["path"], one["model"], one["key"]) for one in asked} == {
        ("/v1/embeddings", "small", "Bearer secret-key")
    }


def test_long_texts_are_cut_and_empty_ones_are_sent_as_a_space():
    asked: list[dict[str, Any]] = []
    with endpoint(lengths, asked=asked) as settings:
        encode(settings, ["x" * (LONGEST_TEXT + 5), ""])
    assert [len(text) for text in asked[0]["input"]] == [LONGEST_TEXT, 1]


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (lengths, 404, "404"),
        (lambda _: b"<html>", 200, "no usable answer"),
        (lambda _: b'{"data": []}', 200, "0 vectors for 2 texts"),
        (lambda _: b'{"error": 1}', 200, "no usable answer"),
        (lambda _: b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}', 200, "2 vectors"),
        (lambda _: b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}', 200, "usable"),
        (lambda _: b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [NaN]}]}', 200, "finite"),
        (lambda _: b'{"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]}', 200, "usable"),
        (slow, 200, "does not answer"),
    ],
    ids=["status", "no JSON", "too few", "no data", "twice", "ragged", "no number", "no numbers", "slow"],
)
def test_an_answer_that_cannot_be_used_is_an_error_and_the_static_embedding_stands_in(answer, status, message):
    failed = counted("failed")
    with endpoint(answer, status) as settings:
        with pytest.raises(StoreError, match=message):
            encode(settings, ["a", "b"])
        assert vectors(settings, ["a", "b"]) is None
    assert counted("failed") == failed + 2


def test_vectors_of_different_sizes_are_an_error():
    def growing(body: dict[str, Any]) -> bytes:
        rows = [{"index": place, "embedding": [1.0] * len(body["input"])} for place, _ in _texts(body)]
        return json.dumps({"data": rows}).encode()

    with endpoint(growing) as settings, pytest.raises(StoreError, match=rf"\[1, {BATCH}\] numbers"):
        encode(settings, ["a"] * (BATCH + 1))


def test_an_endpoint_that_is_away_is_an_error():
    with endpoint(lengths) as settings:
        pass
    with pytest.raises(StoreError, match="does not answer"):
        encode(settings, ["a"])


def test_vectors_of_the_endpoint_are_counted():
    before = counted("endpoint")
    with endpoint(lengths) as settings:
        found = vectors(settings, ["a", "bb", "ccc"])
    assert found is not None
    assert found[:, 0].tolist() == [1, 2, 3]
    assert counted("endpoint") == before + 3


def test_without_an_endpoint_or_texts_nothing_is_asked():
    assert vectors(ContextSettings(), ["a"]) is None
    with endpoint(lengths) as settings:
        assert vectors(settings, []) is None
    with pytest.raises(SettingsError, match="CONTEXT_EMBEDDINGS_BASE_URL"):
        encode(ContextSettings(), ["a"])
