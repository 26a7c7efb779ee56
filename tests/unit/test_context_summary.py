"""Summaries by a model behind a real HTTP server: taken when good, and why not otherwise."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pyarrow as pa
import pytest
from web_server import answered, web_server

from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.domain.context.result import ChatMessage, CompressedContext, CompressionStats
from helix_pipeline.errors import SettingsError, StoreError
from helix_pipeline.services.context.summary import with_written_summary
from helix_pipeline.settings_sections import ContextSettings
from helix_pipeline.stores.models import MAX_ANSWER, ask
from helix_pipeline.telemetry import CONTEXT_SUMMARIES

Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
EXTRACT = "I moved to Lisbon in 1998. Nice. I have a dog."
GOOD = "Ann moved to Lisbon in 1998. Bob has a dog."


def said(text: str, finish: str = "stop") -> Answer:
    """An answer of the protocol."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return raw(json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def raw(body: bytes, status: int = 200) -> Answer:
    return lambda request, _: answered(request, body, status)


def drop_by_drop(request: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" ")
        time.sleep(0.05)


def silent(request: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    time.sleep(30)


@contextmanager
def model(answer: Answer, asked: list[dict[str, Any]] | None = None) -> Iterator[ContextSettings]:
    """Settings of an endpoint that gives one answer to all; `asked` collects what it was sent."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        given = json.loads(body)
        if asked is not None:
            asked.append({"path": request.path, "key": request.headers["Authorization"], **given})
        answer(request, given)

    with web_server(respond) as url:
        yield ContextSettings(llm_base_url=f"{url}/v1", llm_model="some-model", llm_api_key="a-key", llm_timeout_s=0.5)


def conversation() -> pa.Table:
    texts = [("Ann", "I moved to Lisbon in 1998."), ("Bob", "Nice. I have a dog."), ("Ann", "See you.")]
    at = datetime(2023, 5, 8, tzinfo=UTC)
    rows = [
        {"conversation_id": "c", "event_id": f"e{place}", "message_id": f"m{place}", "sequence": place, "timestamp": at}
        | {"role": "user", "name": name, "content": text}
        for place, (name, text) in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, CONVERSATION)


def context() -> CompressedContext:
    stats = CompressionStats(3, 100, 60, 40, 0.4, 0.9, "window", "estimate", 0.1)
    messages = (ChatMessage("user", "I moved to Lisbon in 1998.", "Ann"), ChatMessage("user", "See you.", "Ann"))
    return CompressedContext(EXTRACT, ("Ann",), (), (), (), messages, stats)


def counted(kind: str) -> float:
    return CONTEXT_SUMMARIES.labels(kind)._value.get()


def test_a_good_summary_takes_the_place_of_the_extract() -> None:
    asked: list[dict[str, Any]] = []
    before = counted("taken")
    with model(said(f" {GOOD}\n"), asked) as settings:
        found = with_written_summary(settings, conversation(), context())
    assert (found.summary, found.summary_by, found.summary_note) == (GOOD, "model", None)
    assert (found.messages, found.stats) == (context().messages, context().stats)
    assert counted("taken") == before + 1
    [sent] = asked
    assert (sent["path"], sent["key"], sent["model"]) == ("/v1/chat/completions", "Bearer a-key", "some-model")
    assert sent["messages"][1]["content"].splitlines() == [
        "8 May 2023, Ann: I moved to Lisbon in 1998.",
        "8 May 2023, Bob: Nice. I have a dog.",
        "8 May 2023, Ann: See you.",
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "note"),
    [
        (said("Ann moved to Lisbon in 1999."), "unsupported", "says what the conversation does not: 1999"),
        (said("Ann moved to Lisbon with Carol in 1998."), "unsupported", "Carol"),
        (said("Ann has seen a dog."), "poor", "keeps 0% of the facts, the extract 100%"),
        (said("Ann moved. " * 30), "long", "has 90 tokens, the extract 16"),
        (said("Ann moved", finish="length"), "failed", "cut at its largest number of tokens"),
        (said(" "), "failed", "it is empty"),
        (silent, "failed", "does not answer (timed out)"),
        (drop_by_drop, "failed", "not within 0.5 s"),
        (raw(b"oh no", 500), "failed", "answers 500"),
        (raw(b"<html>"), "failed", "no usable answer"),
        (raw(b'{"choices": []}'), "failed", "no usable answer"),
        (raw(b'{"choices": ["x"]}'), "failed", "no usable answer"),
        (raw(b"[" * 100_000), "failed", "no usable answer"),
        (raw(b" " * (MAX_ANSWER + 1)), "failed", "more than 1,048,576 bytes"),
    ],
)
def test_any_other_answer_leaves_the_extract_with_a_note(answer: Answer, kind: str, note: str) -> None:
    before = counted(kind)
    with model(answer) as settings:
        found = with_written_summary(settings, conversation(), context())
    assert found.summary_note is not None and note in found.summary_note
    assert (found.summary, found.summary_by, found.messages) == (EXTRACT, "extract", context().messages)
    assert counted(kind) == before + 1


def test_of_a_long_conversation_the_model_reads_an_extract() -> None:
    asked: list[dict[str, Any]] = []
    line = "In town {} we saw house {} and {} birds of kind {}."
    texts = [line.format(place, place * 7, place * 11, place * 13) for place in range(2000)]
    rows = conversation().slice(0, 1).to_pylist() * len(texts)
    numbered = [row | {"sequence": place, "event_id": f"e{place}"} for place, row in enumerate(rows)]
    long = pa.Table.from_pylist(
        [row | {"content": text} for row, text in zip(numbered, texts, strict=True)], CONVERSATION
    )
    with model(said(GOOD), asked) as settings:
        with_written_summary(settings, long, context())
    lines = asked[0]["messages"][1]["content"].splitlines()
    assert 100 < len(lines) < len(texts)
    assert lines[-1].endswith(texts[-1])


def test_a_model_that_is_away_leaves_the_extract() -> None:
    settings = ContextSettings(llm_base_url="http://127.0.0.1:9/v1", llm_model="m", llm_timeout_s=0.5)
    found = with_written_summary(settings, conversation(), context())
    assert found.summary == EXTRACT
    assert found.summary_note is not None and "check the base URL" in found.summary_note


def test_no_model_is_asked_where_none_is_set_or_nothing_is_to_be_summarised() -> None:
    assert with_written_summary(ContextSettings(), conversation(), context()) == context()
    asked: list[dict[str, Any]] = []
    with model(said(GOOD), asked) as settings:
        bare = CompressedContext("", (), (), (), (), (), context().stats)
        assert with_written_summary(settings, conversation(), bare) == bare
    assert asked == []


def test_the_key_is_in_no_error() -> None:
    with model(raw(b"a-key", 401)) as settings, pytest.raises(StoreError) as error:
        ask(settings, "i", "q", 5)
    assert "a-key" not in str(error.value)


def test_an_endpoint_without_a_model_is_a_setting_to_correct() -> None:
    with pytest.raises(SettingsError, match="set both"):
        ask(ContextSettings(llm_base_url="http://127.0.0.1:9"), "i", "q", 5)
