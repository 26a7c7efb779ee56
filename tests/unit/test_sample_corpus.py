"""The bundled corpus: repeatable, valid, varied, and with the planted facts in it."""

import math
import re
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import chain, islice, pairwise
from statistics import fmean

import pytest

from helix_pipeline.contracts.events import (
    ConversationCompleted,
    DebateCompleted,
    DebateStarted,
    DebateTurn,
    MessageAdded,
    ProviderCalled,
)
from helix_pipeline.domain.entities import gazetteer
from helix_pipeline.domain.entities.cooccurrence import pairs
from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.domain.entities.resolution import resolver
from helix_pipeline.domain.sample.corpus import START, generate
from helix_pipeline.domain.sample.vocabulary import phrases, planted_pairs, topics


@pytest.fixture(scope="module")
def events():
    return list(generate())


@pytest.fixture(scope="module")
def messages(events):
    return [event for event in events if isinstance(event, MessageAdded)]


def lines(events):
    return [event.model_dump_json(exclude_none=True) for event in events]


def of_type(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_same_seed_gives_the_same_bytes(events):
    assert lines(generate()) == lines(events)


def test_another_seed_gives_other_ids_and_other_words():
    first, second = (of_type(generate(seed, 20, 0, 0), MessageAdded) for seed in (1, 2))
    assert not {message.event_id for message in first} & {message.event_id for message in second}
    assert len({message.content for message in first} & {message.content for message in second}) < 10


def test_a_larger_corpus_begins_with_the_smaller_one():
    small = lines(generate(conversations=5, debates=0, provider_calls=0))
    assert lines(islice(generate(conversations=50, debates=0, provider_calls=0), len(small))) == small


@pytest.mark.timeout(20)
def test_the_first_event_of_a_huge_corpus_is_there_at_once():
    assert isinstance(next(generate(conversations=10**9, debates=10**9, provider_calls=10**9)), MessageAdded)


def test_sizes(events, messages):
    assert len({message.conversation_id for message in messages}) == 240
    assert len(messages) >= 5000
    assert len(of_type(events, DebateStarted)) == len(of_type(events, DebateCompleted)) == 80
    assert len(of_type(events, ProviderCalled)) == 4000
    assert list(generate(conversations=0, debates=0, provider_calls=0)) == []
    with pytest.raises(ValueError, match="must not be negative"):
        generate(conversations=-1)


def test_events_hold_to_the_contract(events):
    for event in events:
        assert type(event).model_validate_json(event.model_dump_json(exclude_none=True)) == event
    assert len({event.event_id for event in events}) == len(events)


def test_messages_are_in_sequence_and_in_time(messages):
    conversations = defaultdict(list)
    for message in messages:
        conversations[message.conversation_id].append(message)
    for conversation in conversations.values():
        assert [message.sequence for message in conversation] == list(range(len(conversation)))
        assert all(earlier.timestamp < later.timestamp for earlier, later in pairwise(conversation))
        assert len({message.user_id for message in conversation}) == 1
    assert sum(len(conversation) >= 200 for conversation in conversations.values()) >= 5
    assert any(len({message.session for message in conversation}) > 5 for conversation in conversations.values())


def test_most_conversations_are_completed_after_their_last_message(events, messages):
    last = {message.conversation_id: message for message in messages}
    completed = of_type(events, ConversationCompleted)
    assert 200 <= len(completed) < 240
    for event in completed:
        assert event.messages == last[event.conversation_id].sequence + 1
        assert event.timestamp > last[event.conversation_id].timestamp


def test_messages_are_varied_and_never_empty(messages):
    contents = [message.content for message in messages]
    assert len(set(contents)) > 0.95 * len(contents)
    assert len({re.sub(r"\d+", "0", content) for content in contents}) > 0.8 * len(contents)
    assert all(content.strip() for content in contents)
    assert all(message.tokens == math.ceil(len(message.content) / 4) for message in messages)


def test_no_slot_is_left_unfilled(events):
    texts = [event.content for event in events if isinstance(event, MessageAdded | DebateTurn)]
    texts += [event.topic for event in of_type(events, DebateStarted)]
    assert not [text for text in texts if re.search(r"\{[a-z_]+\}", text)]


def test_every_template_is_a_string():
    def leaves(node):
        return list(chain.from_iterable(map(leaves, node.values()))) if isinstance(node, dict) else list(node)

    book = {name: part for name, part in phrases().items() if name != "styles"}
    fields = {(topic.name, field): getattr(topic, field) for topic in topics() for field in topic.__slots__[2:]}
    assert len(leaves(book)) + len(leaves(fields)) > 500
    assert all(isinstance(leaf, str) for leaf in [*leaves(book), *leaves(fields)])


def test_it_happens_in_working_hours_over_two_months(messages):
    moments = [message.timestamp for message in messages]
    assert min(moments) >= START
    assert timedelta(days=55) < max(moments) - min(moments) < timedelta(days=90)
    assert fmean(moment.weekday() < 5 for moment in moments) > 0.93
    assert fmean(7 <= moment.hour < 21 for moment in moments) > 0.9


def test_what_users_come_back_to_was_stated_before(messages):
    by_place = {(message.conversation_id, message.sequence): message for message in messages}
    recalls = [message for message in messages if "refers_to" in message.metadata and message.role == "user"]
    corrections = [message for message in messages if "supersedes" in message.metadata]
    assert len(recalls) > 100
    assert len(corrections) > 50
    for message in recalls:
        earlier = by_place[message.conversation_id, message.metadata["refers_to"]]
        assert earlier.sequence < message.sequence
        assert earlier.metadata["act"] in {
            "decision",
            "preference",
            "commitment",
            "number",
            "version",
            "correction",
        }


def test_what_was_corrected_is_not_recalled_again(messages):
    corrected = {}
    for message in messages:
        if "supersedes" in message.metadata:
            corrected.setdefault((message.conversation_id, message.metadata["supersedes"]), message.sequence)
    for message in messages:
        place = (message.conversation_id, message.metadata.get("refers_to"))
        assert place not in corrected or message.sequence < corrected[place]


def entities_of(texts):
    """The ids of the entities that each text names, in order."""
    found = Extraction(gazetteer.load(), resolver.load()).mentions(texts)
    ids = [[] for _ in texts]
    for row, id in zip(found["row"].to_pylist(), found["entity_id"].to_pylist(), strict=True):
        ids[row].append(id)
    return ids


def test_every_technology_is_an_entity():
    for name in {name for topic in topics() for name in (*topic.tools, *topic.concepts, *sum(topic.pairs, ()))}:
        assert len(entities_of([f"we use {name} here"])[0]) == 1, name


def test_planted_pairs_dominate(messages):
    entities, together = Counter(), Counter()
    for ids in entities_of([message.content for message in messages]):
        entities.update(set(ids))
        together.update(pairs(ids))

    def npmi(pair):
        share = together[pair] / len(messages)
        apart = entities[pair[0]] * entities[pair[1]] / len(messages) ** 2
        return math.log(share / apart) / -math.log(share)

    planted = {tuple(sorted(entities_of([f"we use {first} and {second}"])[0])) for first, second in planted_pairs()}
    ranked = sorted((pair for pair, count in together.items() if count >= 20), key=npmi, reverse=True)
    assert set(ranked[: len(planted)]) == planted
    assert all(entities[name] > together[pair] for pair in planted for name in pair)


def test_each_topic_has_conversations_of_its_own_words(messages):
    texts = defaultdict(list)
    for message in messages:
        texts[message.metadata["topic"]].append(message.content)
    assert set(texts) == {topic.name for topic in topics()}
    for topic in topics():
        at_home = fmean(any(name in text for name in topic.tools) for text in texts[topic.name])
        elsewhere = fmean(
            any(name in text for name in topic.tools)
            for other, contents in texts.items()
            if other != topic.name
            for text in contents
        )
        assert at_home > 5 * elsewhere


@pytest.mark.parametrize(
    ("pattern", "share"),
    [
        (r"\b2026-\d\d-\d\d\b", 0.15),
        (r"\b\d+\.\d+\.\d\b", 0.03),
        (r"```\w+\n", 0.05),
        (r"\b\d\d:\d\d\b", 0.02),
    ],
)
def test_messages_hold_dates_versions_code_and_hours(messages, pattern, share):
    assert fmean(re.search(pattern, message.content) is not None for message in messages) > share
