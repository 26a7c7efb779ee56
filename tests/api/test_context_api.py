"""/v1/context over real stores: what was added is replayed at once, whole, streamed or compressed; bad requests."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api_process import Api, running
from fastapi.testclient import TestClient
from ports import free_ports

from helix_pipeline.api.context_models import (
    MESSAGES_EXAMPLES,
    REPLAY_EXAMPLES,
    SEARCH_EXAMPLES,
    CompressedReplay,
    MessagesBody,
    ReplayBody,
    ReplayPage,
    SearchBody,
)
from helix_pipeline.api.guard import MAX_BODY
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers

SIZE = 60


@pytest.fixture
def conversation_id(client: TestClient) -> str:
    """A conversation of 60 messages of Ann and an assistant, a day apart."""
    name = f"conv/{uuid4().hex}"
    assert add(client, name, [said(number) for number in range(SIZE)]).status_code == 201
    return name


def said(number: int) -> dict[str, Any]:
    speaker = {"role": "user", "name": "Ann", "user_id": "u1"} if number % 2 == 0 else {"role": "assistant"}
    text = f"On day {number} we saw {number * 7} birds near Lisbon. They flew on."
    return speaker | {
        "content": text,
        "message_id": f"m{number}",
        "timestamp": f"2026-05-{1 + number % 28:02d}T10:00:00Z",
    }


def add(client: TestClient, name: str, messages: list[dict[str, Any]]) -> httpx.Response:
    return client.post("/v1/context/messages", json={"conversation_id": name, "messages": messages})


def replay(client: TestClient, **body: Any) -> httpx.Response:
    return client.post("/v1/context/replay", json=body)


def test_messages_are_numbered_and_known_ones_left_out(client: TestClient) -> None:
    name = uuid4().hex
    first = add(
        client, name, [{"role": "user", "content": "Hello."}, {"role": "user", "content": "é", "message_id": "b"}]
    )
    assert first.status_code == 201
    found = first.json()
    assert (found["accepted"], found["duplicates"]) == (2, 0)
    assert [one["sequence"] for one in found["messages"]] == [0, 1]
    again = add(client, name, [{"role": "user", "content": "é", "message_id": "b"}]).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    later = add(client, name, [{"role": "user", "content": "Bye."}]).json()
    assert later["messages"][0]["sequence"] >= 2


def test_a_whole_conversation_comes_in_pages(client: TestClient, conversation_id: str) -> None:
    seen: list[dict[str, Any]] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        body = {"conversation_id": conversation_id, "compression_strategy": "none", "limit": 25, "cursor": cursor}
        answer = replay(client, **body)
        assert answer.status_code == 200, answer.text
        page = ReplayPage.model_validate(answer.json())
        seen += [message.model_dump() for message in page.messages]
        cursor, pages = page.next_cursor, pages + 1
    assert (page.source, page.complete) == ("kafka", True)
    assert pages == 3
    assert [(one["sequence"], one["content"], one["name"]) for one in seen] == [
        (number, said(number)["content"], said(number).get("name")) for number in range(SIZE)
    ]


def test_a_stream_has_the_same_messages_a_line_each(client: TestClient, conversation_id: str) -> None:
    body = {"conversation_id": conversation_id, "compression_strategy": "none"}
    answer = client.post("/v1/context/replay", json=body, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert (answer.headers["helix-source"], answer.headers["helix-complete"]) == ("kafka", "true")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == replay(client, **body).json()["messages"]
    assert len(lines) == SIZE


def test_a_part_of_the_time_can_be_replayed(client: TestClient, conversation_id: str) -> None:
    body = {"conversation_id": conversation_id, "compression_strategy": "none"}
    found = replay(client, **body, **{"from": "2026-05-03T00:00:00Z", "to": "2026-05-04T12:00:00+02:00"}).json()
    assert [one["sequence"] for one in found["messages"]] == [2, 30, 58]


def test_a_compressed_conversation_keeps_its_budget_and_is_cached(client: TestClient, conversation_id: str) -> None:
    body = {"conversation_id": conversation_id, "compression_strategy": "hybrid", "max_tokens": 400, "ratio": 0.9}
    answer = replay(client, **body)
    assert answer.status_code == 200, answer.text
    found = CompressedReplay.model_validate(answer.json())
    stats = found.compression_stats
    assert (stats.original_messages, stats.budget_tokens, stats.strategy) == (SIZE, 400, "hybrid")
    assert 0.95 * 400 <= stats.compressed_tokens <= 400
    assert found.recent_messages[-1].text == said(SIZE - 1)["content"]
    assert found.messages[-1].content == said(SIZE - 1)["content"]
    assert "Lisbon" in found.key_entities
    assert not found.cached and replay(client, **body).json()["cached"]
    assert replay(client, **{**body, "max_tokens": 300}).json()["cached"] is False


def test_a_new_message_is_in_the_next_compressed_replay(client: TestClient, conversation_id: str) -> None:
    body = {"conversation_id": conversation_id, "max_tokens": 300}
    replay(client, **body)
    add(client, conversation_id, [{"role": "user", "content": "And then we went home."}])
    found = replay(client, **body).json()
    assert (found["cached"], found["recent_messages"][-1]["text"]) == (False, "And then we went home.")


def test_search_finds_the_message_with_its_neighbours(client: TestClient, conversation_id: str) -> None:
    add(client, conversation_id, [{"role": "user", "content": "My passport is in the blue suitcase."}, said(70)])
    body = {"conversation_id": conversation_id, "query": "Where is the passport?", "top_k": 3}
    answer = client.post("/v1/context/search", json=body)
    assert answer.status_code == 200, answer.text
    hits = answer.json()["hits"]
    assert len(hits) == 3
    assert hits[0]["message"]["content"] == "My passport is in the blue suitcase."
    assert hits[0]["score"] == max(hit["score"] for hit in hits)
    assert hits[0]["before"][-1]["content"] == said(SIZE - 1)["content"]


def test_stats_say_what_a_conversation_is_like(client: TestClient, conversation_id: str) -> None:
    found = client.get(f"/v1/context/stats/{conversation_id}").json()
    assert (found["conversation_id"], found["messages"]) == (conversation_id, SIZE)
    assert {one["name"]: one["messages"] for one in found["participants"]} == {"Ann": 30, "assistant": 30}
    assert found["entities"] == ["Lisbon"]
    assert found["first_message"] == "2026-05-01T10:00:00Z"


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"ratio": 0}, 422, "ratio 0: must be over 0"),
        ({"ratio": 1.5}, 422, "ratio 1.5: must be over 0 and at most 1"),
        ({"max_tokens": 0}, 422, "max_tokens 0: must be at least 1"),
        ({"max_tokens": 1}, 422, "budget"),
        ({"compression_strategy": "best"}, 422, "compression_strategy"),
        ({"encoding": "gpt2"}, 422, "encoding 'gpt2'"),
        ({"from": "2026-05-03T00:00:00"}, 422, "give a time zone"),
        ({"from": "2030-01-01T00:00:00Z"}, 404, "no messages in the time asked for"),
        ({"compression_strategy": "none", "cursor": "x"}, 422, "cursor 'x'"),
        ({"compression_strategy": "none", "cursor": "eyJzZXF1ZW5jZSI6MX0"}, 422, "cursor"),
        ({"compression_strategy": "none", "limit": 0}, 422, "limit 0"),
        ({"conversation_id": "no-such"}, 404, "no conversation 'no-such'"),
        ({"conversation_id": ""}, 422, "conversation_id ''"),
        ({"tokens": 5}, 422, "body.tokens"),
    ],
)
def test_what_cannot_be_replayed_is_a_problem_with_a_hint(
    client: TestClient, conversation_id: str, body: dict[str, Any], status: int, detail: str
) -> None:
    answer = replay(client, **{"conversation_id": conversation_id, **body})
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert detail in problem["detail"]
    assert problem["hint"]


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 10**24, "ratio": 1},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"query": "\U0001f600 \u202e?", "max_tokens": 300},
    ],
)
def test_extreme_values_are_answered(client: TestClient, conversation_id: str, body: dict[str, Any]) -> None:
    answer = replay(client, **{"conversation_id": conversation_id, **body})
    assert answer.status_code == 200, answer.text
    assert answer.json()["compression_stats"]["original_messages"] == SIZE


def test_half_a_surrogate_pair_is_refused_with_its_place(client: TestClient) -> None:
    body = '{"conversation_id": "c", "messages": [{"role": "user", "content": "\\ud800"}]}'
    answer = client.post("/v1/context/messages", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("messages[0]: not serializable")


def test_only_a_whole_conversation_is_streamed(client: TestClient, conversation_id: str) -> None:
    body = {"conversation_id": conversation_id, "max_tokens": 300}
    answer = client.post("/v1/context/replay", json=body, headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 422
    assert "only 'none' can be streamed" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ({"role": "user"}, "messages.0.content"),
        ({"role": "", "content": "x"}, "messages[0]"),
        ({"role": "user", "content": "x", "timestamp": "1969-01-01T00:00:00Z"}, "messages[0]"),
        ({"role": "user", "content": "x", "colour": "red"}, "messages.0.colour"),
        ({"role": "user", "content": "x", "sequence": -1}, "messages[0]"),
    ],
)
def test_what_is_no_message_is_refused_by_its_place(client: TestClient, message: dict[str, Any], detail: str) -> None:
    name = uuid4().hex
    answer = add(client, name, [message])
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]
    assert client.get(f"/v1/context/stats/{name}").status_code == 404


def test_messages_may_be_large_and_nothing_else(client: TestClient, api_settings: Settings) -> None:
    name, text = uuid4().hex, "word " * (1 << 18)
    assert add(client, name, [{"role": "user", "content": text}]).status_code == 201
    found = replay(client, conversation_id=name, compression_strategy="none").json()["messages"]
    assert found[0]["content"] == text
    beyond = add(client, name, [{"role": "user", "content": "x" * api_settings.kafka.max_message_bytes}])
    assert (beyond.status_code, beyond.json()["hint"]) == (413, "send a smaller one")
    assert replay(client, conversation_id="x" * MAX_BODY).status_code == 413


def test_the_examples_of_the_description_are_valid() -> None:
    for model, examples in (
        (ReplayBody, REPLAY_EXAMPLES),
        (SearchBody, SEARCH_EXAMPLES),
        (MessagesBody, MESSAGES_EXAMPLES),
    ):
        for example in examples.values():
            model.model_validate(example["value"])


@pytest.fixture
def alone(api_settings: Settings) -> Iterator[Api]:
    """An API without PostgreSQL, Kafka and ClickHouse: only the lake is there."""
    kafka, house, postgres, port = free_ports(4)
    parts = {
        "home": api_settings.home / "alone",
        "kafka": api_settings.kafka.model_copy(update={"port": kafka}),
        "clickhouse": api_settings.clickhouse.model_copy(update={"port": house}),
        "postgres": api_settings.postgres.model_copy(update={"port": postgres}),
        "api": api_settings.api.model_copy(update={"port": port}),
    }
    changed = api_settings.model_copy(update=parts)
    changed.home.mkdir(exist_ok=True)
    with running(Api(changed)) as found:
        yield found


def test_with_the_lake_alone_a_conversation_is_replayed_with_a_note(alone: Api) -> None:
    url = f"{alone.url}/v1/context"
    body = {"conversation_id": "conv-123", "compression_strategy": "none"}
    answer = httpx.post(f"{url}/replay", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["source"], found["complete"], len(found["messages"])) == ("lake", False, 3)
    assert any(note.startswith("kafka not used") for note in found["notes"])
    streamed = httpx.post(f"{url}/replay", json=body, headers={"Accept": "application/x-ndjson"}, timeout=60)
    assert (streamed.headers["helix-complete"], len(streamed.text.splitlines())) == ("false", 3)
    assert "kafka not used" in streamed.headers["helix-notes"]
    message = {"role": "user", "content": "x"}
    added = httpx.post(f"{url}/messages", json={"conversation_id": "c", "messages": [message]}, timeout=60)
    assert (added.status_code, added.json()["stored"]) == (202, "journal")
