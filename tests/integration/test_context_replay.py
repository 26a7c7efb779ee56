"""Replay, search, statistics and new messages of conversations in real stores; what is cached, and until when."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest
from context_stores import AT, Installation, message, said
from web_server import answered, web_server

from helix_pipeline.contracts.events import ConversationCompleted
from helix_pipeline.errors import NotFoundError, UsageError
from helix_pipeline.services.context.messages import add_messages
from helix_pipeline.services.context.replay import Replay, replay, stream
from helix_pipeline.services.context.requests import ReplayRequest
from helix_pipeline.services.context.search import SearchRequest, search
from helix_pipeline.services.context.stats import CacheState, stats
from helix_pipeline.services.context.stores import ContextStores

pytestmark = pytest.mark.servers


@pytest.fixture
def stores(place: Installation):
    with ContextStores(place.settings) as opened:
        yield opened


def whole(stores: ContextStores, name: str, **fields: object) -> Replay:
    return replay(stores, ReplayRequest(conversation_id=name, compression_strategy="none", **fields))


def compressed(stores: ContextStores, name: str, **fields: object) -> Replay:
    return replay(stores, ReplayRequest(conversation_id=name, **fields))


def sequences(found: Replay) -> list[int]:
    assert found.page is not None
    return found.page.messages["sequence"].to_pylist()


def originals(found: Replay) -> int:
    assert found.context is not None
    return found.context.stats.original_messages


@pytest.mark.parametrize("limit", [1, 4, 10, 11])
def test_pages_hold_each_message_once_whatever_their_size_and_source(place, name, tmp_path, limit):
    place.publish(*said(name, 8))
    place.carry()
    place.publish(*said(name, 10)[8:])
    for settings in (place.settings, place.without_stores(tmp_path)):
        with ContextStores(settings) as stores:
            found, cursor = [], None
            while True:
                one = whole(stores, name, limit=limit, cursor=cursor)
                found.append(sequences(one))
                cursor = one.page.next_cursor
                if cursor is None:
                    break
        assert [number for page in found for number in page] == list(range(10))
        assert all(len(page) == limit for page in found[:-1])


def test_a_page_goes_on_in_another_source(place, name, tmp_path):
    place.publish(*said(name, 6))
    place.carry()
    with ContextStores(place.settings) as stores:
        first = whole(stores, name, limit=4)
    with ContextStores(place.without_stores(tmp_path)) as stores:
        rest = whole(stores, name, cursor=first.page.next_cursor)
    assert (first.source, sequences(first)) == ("clickhouse", [0, 1, 2, 3])
    assert (rest.source, sequences(rest), rest.page.next_cursor) == ("kafka", [4, 5], None)


def test_a_stream_is_all_messages_as_lines_of_json(place, stores, name):
    place.publish(*said(name, 30))
    place.carry()
    found = stream(stores, ReplayRequest(conversation_id=name, compression_strategy="none"))
    assert (found.source, found.complete, found.notes) == ("clickhouse", True, ())
    rows = [json.loads(line) for line in b"".join(found.ndjson()).splitlines()]
    assert [row["content"] for row in rows] == [one.content for one in said(name, 30)]
    assert rows[1] == {
        "conversation_id": name, "event_id": f"{name}/e1", "message_id": f"{name}/1", "sequence": 1,
        "timestamp": "2026-06-12T09:00:00.000001Z", "role": "assistant", "name": None, "user_id": None,
        "session": None, "content": 'Message 1: naïve 漢字 🙂 "quoted"\n',
    }  # fmt: skip
    with pytest.raises(UsageError, match="only 'none' can be streamed"):
        stream(stores, ReplayRequest(conversation_id=name))


def test_a_time_can_be_asked_for(place, stores, name):
    place.publish(*said(name, 9))
    place.carry()
    times = [one.timestamp for one in said(name, 9)]
    assert sequences(whole(stores, name, start=times[2], end=times[5])) == [2, 3, 4]
    assert originals(compressed(stores, name, start=times[2], end=times[5], ratio=1.0)) == 3
    for strategy in ("none", "hybrid"):
        asked = ReplayRequest(conversation_id=name, end=AT, compression_strategy=strategy)
        with pytest.raises(NotFoundError, match="no messages in the time"):
            replay(stores, asked)


def test_a_context_is_made_once_until_a_message_comes(place, stores, name):
    place.publish(*said(name, 20))
    place.carry()
    first, again = compressed(stores, name), compressed(stores, name)
    assert (first.cached, again.cached) == (False, True)
    assert again.context == first.context
    assert not compressed(stores, name, ratio=0.5).cached
    assert not compressed(stores, name, query="who said 漢字?").cached
    end = ConversationCompleted(event_id=f"{name}/end", timestamp=AT, conversation_id=name)
    place.publish(*said(f"{name}-other", 3), end)
    assert compressed(stores, name).cached, "neither messages of others nor other events change anything"
    place.publish(message(name, 20))
    later = compressed(stores, name)
    assert (later.cached, originals(later)) == (False, 21)
    place.carry()
    assert compressed(stores, name).cached
    assert sequences(whole(stores, name)) == list(range(21))


def test_an_older_message_that_comes_late_is_put_in_its_place(place, stores, name):
    messages = said(name, 12)
    place.publish(*messages[:5], *messages[6:])
    place.carry()
    assert sequences(whole(stores, name)) == [0, 1, 2, 3, 4, *range(6, 12)]
    place.publish(messages[5])
    assert sequences(whole(stores, name)) == list(range(12))


def test_added_messages_are_numbered_and_in_the_next_replay_of_any_process(place, stores, name):
    one = add_messages(stores, name, [{"role": "user", "content": "First", "name": "Ana"}])
    two = add_messages(stores, name, [{"role": "assistant", "content": "Second"}, {"role": "user", "content": "Third"}])
    assert (one.accepted, [added.sequence for added in (*one.messages, *two.messages)]) == (1, [0, 1, 2])
    with ContextStores(place.settings) as another:
        for opened in (stores, another):
            messages = whole(opened, name).page.messages
            assert messages["content"].to_pylist() == ["First", "Second", "Third"]
            assert messages["message_id"].to_pylist()[1:] == [added.message_id for added in two.messages]
        add_messages(another, name, [{"role": "user", "content": "Fourth"}])
    assert sequences(whole(stores, name)) == [0, 1, 2, 3]


def test_a_message_id_is_added_once_and_takes_no_number_twice(stores, name):
    add_messages(stores, name, [{"role": "user", "content": f"{n}", "message_id": f"m{n}"} for n in range(3)])
    given = [{"role": "user", "content": text, "message_id": name_} for text, name_ in (("other", "m1"), ("new", "m3"))]
    found = add_messages(stores, name, given)
    assert (found.accepted, found.duplicates) == (1, 1)
    assert [(one.message_id, one.sequence) for one in found.messages] == [("m1", 1), ("m3", 3)]
    assert whole(stores, name).page.messages["content"].to_pylist() == ["0", "1", "2", "new"]


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([], "0 messages"),
        ([{"content": "x"}], r"messages\[0\]: `role` is missing"),
        ([{"role": "user", "content": "x"}, {"role": "user", "content": 3}], r"messages\[1\]: `content` = 3"),
        ([{"role": "user", "content": "a\0b"}], r"messages\[0\].*null byte"),
        ([{"role": "user", "content": "x", "colour": "red"}], r"messages\[0\]: unknown field colour"),
        ([{"role": "user", "content": "x", "sequence": -1}], r"messages\[0\]: `sequence` = -1"),
        ([{"role": "user", "content": "x", "metadata": [1]}], r"messages\[0\]: `metadata`"),
        ([{"role": "user", "content": "x", "timestamp": "soon"}], r"messages\[0\]: `timestamp`"),
        ([{"role": "user", "content": "x" * (9 << 20)}], r"messages\[0\].*max_message_bytes"),
    ],
)
def test_bad_messages_are_named_and_none_is_added(stores, name, messages, told):
    with pytest.raises(UsageError, match=told):
        add_messages(stores, name, messages)
    with pytest.raises(NotFoundError):
        whole(stores, name)


def test_messages_that_are_added_at_once_get_different_numbers(place, name):
    def add(number: int) -> None:
        with ContextStores(place.settings) as own:
            add_messages(own, name, [{"role": "user", "content": f"{number}"}])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))
    with ContextStores(place.settings) as stores:
        assert sequences(whole(stores, name)) == list(range(8))


def test_the_figures_of_a_conversation(place, stores, name):
    messages = [one for one in said(name, 8) if one.sequence not in (3, 4)]
    place.publish(*messages, message(name, 6, "Ana Silva moved to Lisbon.", event_id=f"{name}/again"))
    place.carry()
    compressed(stores, name)
    compressed(stores, name, ratio=0.9)
    found = stats(stores, name)
    assert (found.messages, found.sequence.missing_ranges, found.sequence.repeated_numbers) == (7, ((3, 4),), (6,))
    assert (found.first_message, found.last_message) == (messages[0].timestamp, messages[-1].timestamp)
    assert [(one.name, one.messages) for one in found.participants] == [("Ana", 4), ("assistant", 3)]
    assert "Lisbon" in found.entities
    assert found.tokens == originals_tokens(compressed(stores, name))
    assert found.cache == CacheState(contexts=2, compressions=2, conversation=True, shared=False)
    assert json.dumps(asdict(found), default=str)
    with pytest.raises(NotFoundError):
        stats(stores, "nobody")


def originals_tokens(found: Replay) -> int:
    assert found.context is not None
    return found.context.stats.original_tokens


def test_search_finds_what_was_said_with_what_stands_beside_it(place, stores, name):
    texts = ["Good morning.", "The zebra escaped on Friday.", "How did that happen?", "Somebody left the gate open."]
    place.publish(*(message(name, number, text) for number, text in enumerate(texts)))
    place.carry()
    found = search(stores, SearchRequest(query="When did the zebra escape?", conversation_id=name, top_k=2))
    best = found.hits[0]
    assert (best.conversation_id, best.message.content, best.message.sequence) == (name, texts[1], 1)
    assert [one.content for one in best.before] == texts[:1]
    assert [one.content for one in best.after] == texts[2:3]
    assert len(found.hits) == 2 and 0 <= found.hits[1].score <= best.score <= 1
    place.publish(message(name, 4, "The giraffes were fed on Sunday."))
    found = search(stores, SearchRequest(query="Were the giraffes fed?", conversation_id=name, top_k=1, neighbours=0))
    assert found.hits[0].message.sequence == 4 and found.hits[0].before == found.hits[0].after == ()


def test_search_goes_by_the_vectors_of_an_endpoint_as_long_as_it_answers(place, name):
    """An endpoint for which everything about animals is alike; then one that is gone when the question comes."""
    asked: list[str] = []
    up = True

    def embed(request, body):
        texts = json.loads(body)["input"]
        asked.extend(texts)
        rows = [
            {"index": n, "embedding": [1.0, 0.0] if re.search("hamster|rodent", one) else [0.0, 1.0]}
            for n, one in enumerate(texts)
        ]
        answered(request, json.dumps({"data": rows}).encode(), 200 if up else 500)

    texts = ["We had tea.", "My hamster sleeps.", "The train was late.", "It rains."]
    place.publish(*(message(name, number, text) for number, text in enumerate(texts)))
    with web_server(embed) as url:
        wanted = {"embeddings_base_url": f"{url}/v1", "embeddings_model": "small"}
        context = place.settings.context.model_copy(update=wanted)
        with ContextStores(place.settings.model_copy(update={"context": context})) as stores:
            request = SearchRequest(query="Which rodent is it?", conversation_id=name, top_k=1)
            assert search(stores, request).hits[0].message.content == texts[1]
            assert sorted(asked) == sorted([*texts, request.query])
            up = False
            assert len(search(stores, request).hits) == 1


def test_search_looks_into_all_conversations_of_a_user(place, name, tmp_path):
    user = f"user-{name}"
    place.publish(
        message(f"{name}-a", 0, "My bicycle is green.", user_id=user),
        message(f"{name}-a", 1, "A fine colour."),
        message(f"{name}-b", 0, "My canoe is yellow.", user_id=user),
        message(f"{name}-c", 0, "My canoe is purple.", user_id="somebody else"),
    )
    place.carry()
    place.publish(message(f"{name}-d", 0, "I painted the canoe blue.", user_id=user))
    for settings in (place.settings, place.without_house(), place.without_stores(tmp_path)):
        with ContextStores(settings) as stores:
            found = search(stores, SearchRequest(query="What colour is the canoe?", user_id=user, top_k=5))
            contents = [hit.message.content for hit in found.hits]
            assert found.conversations == 3 and len(contents) == 4
            assert {"My canoe is yellow.", "I painted the canoe blue."} == set(contents[:2])
            assert {hit.conversation_id[-1] for hit in found.hits} == set("abd")
            beside = {hit.message.content: [one.content for one in (*hit.before, *hit.after)] for hit in found.hits}
            assert beside["My canoe is yellow."] == []
            assert beside["My bicycle is green."] == ["A fine colour."]


def test_search_in_a_conversation_of_somebody_else_finds_nothing(place, stores, name):
    place.publish(message(name, 0, "A secret.", user_id="owner"))
    place.carry()
    request = SearchRequest(query="secret", conversation_id=name, user_id="owner")
    assert search(stores, request).hits[0].message.content == "A secret."
    for user in ("thief", None):
        wanted = {"conversation_id": name} if user else {}
        with pytest.raises(NotFoundError):
            search(stores, SearchRequest(query="secret", user_id=user or f"nobody-{name}", **wanted))
