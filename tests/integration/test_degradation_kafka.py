"""Kafka is killed under load: writes go on into the journal and are read from it, and are drained once, in order."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_process import Api, running, wait_for
from context_stores import Installation, said
from outage import (
    ANSWER_S,
    checks,
    compare,
    components,
    drained,
    drained_in_part,
    hanging,
    in_kafka,
    kill,
    own_api,
    said_more,
    talking,
)

from helix_pipeline.contracts.topics import CONVERSATIONS, KNOWLEDGE
from helix_pipeline.local import servers
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus
from helix_pipeline.stores.log_reader import SILENT_S, LogReader, UnreadError, partition_of

pytestmark = pytest.mark.servers


@pytest.fixture
def api(place: Installation, settings: Settings, tmp_path: Path) -> Iterator[Api]:
    """An API of the test's own; Kafka is there afterwards, whatever a test has done to it."""
    with running(own_api(place, tmp_path)) as found:
        yield found
    servers.up(settings, ["kafka"])


def add(api: Api, conversation_id: str, *contents: str) -> httpx.Response:
    messages = [{"role": "user", "content": content, "message_id": content} for content in contents]
    body = {"conversation_id": conversation_id, "messages": messages}
    return httpx.post(f"{api.url}/v1/context/messages", json=body, timeout=ANSWER_S)


def ask(api: Api, call: str, **body: object) -> httpx.Response:
    return httpx.post(f"{api.url}/v1/context/{call}", json=body, timeout=ANSWER_S)


def test_nothing_is_lost_or_doubled_when_kafka_is_killed_under_load(api: Api, settings: Settings) -> None:
    with talking(api) as talkers:
        said_more(talkers, 5, "kafka")
        kill(settings, ["kafka"])
        said_more(talkers, 20, "journal")
        found = checks(api)
        assert found["kafka"].startswith("degraded: ")
        assert found["journal"].startswith("degraded: waiting")
        assert "events in" in found["journal"] and "the oldest" in found["journal"]
        assert components(api)["infinite_context"] == "degraded"
        servers.up(settings, ["kafka"])
        said_more(talkers, 5, "kafka")
    drained(api)
    assert all(talker.refused == [] and talker.stored == {"kafka", "journal"} for talker in talkers)
    assert max(one.seconds for talker in talkers for one in talker.accepted) < ANSWER_S / 2
    compare(settings, talkers)


def test_a_hanging_kafka_leaves_open_what_arrived_and_nothing_is_doubled(api: Api, settings: Settings) -> None:
    """A stopped process takes what is sent and does not answer: what was on its way arrives when it goes on."""
    with talking(api) as talkers:
        said_more(talkers, 5, "kafka")
        with hanging(settings, "kafka"):
            said_more(talkers, 5, "journal")
        said_more(talkers, 5, "kafka")
    drained(api)
    compare(settings, talkers)


def test_records_of_a_broker_that_hangs_are_waited_for_once(place: Installation, settings: Settings, name: str) -> None:
    place.publish(*said(name, 3))
    reader = LogReader(settings, CONVERSATIONS)
    partition = partition_of(name.encode(), reader.state().partitions)
    low, high = reader.ends(partition)
    with hanging(settings, "kafka"):
        for most in (SILENT_S + ANSWER_S, 1):
            begin = time.monotonic()
            with pytest.raises(UnreadError, match="sent nothing"):
                list(reader.read(partition, low, high, begin + 120))
            assert time.monotonic() - begin < most
    reader.close()


def test_the_api_is_killed_while_the_journal_has_events_and_while_it_is_drained(api: Api, settings: Settings) -> None:
    with talking(api) as talkers:
        said_more(talkers, 3, "kafka")
        kill(settings, ["kafka"])
        said_more(talkers, 120, "journal")
        api.stop(signal.SIGKILL)
        api.start()
        said_more(talkers, 5, "journal")
    api.stop(signal.SIGKILL)
    servers.up(settings, ["kafka"])
    left = [drained_in_part(api) for _ in range(3)]
    assert any(left), "each kill came after the drain"
    api.start()
    drained(api)
    compare(settings, talkers)


def test_a_conversation_is_served_from_store_and_journal(
    api: Api, place: Installation, settings: Settings, name: str
) -> None:
    assert add(api, name, "Ann moved to Lisbon", "She likes it").status_code == 201
    place.carry()
    kill(settings, ["kafka"])
    added = add(api, name, "Bob visited Ann in Porto", "They went to the sea").json()
    assert (added["stored"], added["accepted"], added["duplicates"]) == ("journal", 2, 0)
    assert [one["sequence"] for one in added["messages"]] == [None, None]
    again = add(api, name, "They went to the sea").json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    found = ask(api, "replay", conversation_id=name, compression_strategy="none").json()
    assert [(one["sequence"], one["content"]) for one in found["messages"]] == [
        (0, "Ann moved to Lisbon"),
        (1, "She likes it"),
        (2, "Bob visited Ann in Porto"),
        (3, "They went to the sea"),
    ]
    assert (found["source"], found["complete"]) == ("clickhouse", False)
    assert any("2 messages are in the journal" in note for note in found["notes"])
    hits = ask(api, "search", conversation_id=name, query="Who visited Porto?").json()["hits"]
    assert hits[0]["message"]["content"] == "Bob visited Ann in Porto"
    figures = httpx.get(f"{api.url}/v1/context/stats/{name}", timeout=ANSWER_S).json()
    assert (figures["messages"], figures["complete"], figures["sequence"]["missing"]) == (4, False, 0)
    short = ask(api, "replay", conversation_id=name, max_tokens=200).json()
    assert "They went to the sea" in [one["text"] for one in short["recent_messages"]]
    new = add(api, f"{name}-new", "Hello")
    assert new.status_code == 202
    alone = ask(api, "replay", conversation_id=f"{name}-new", compression_strategy="none").json()
    assert (alone["source"], alone["complete"], len(alone["messages"])) == ("journal", False, 1)
    servers.up(settings, ["kafka"])
    drained(api)
    found = ask(api, "replay", conversation_id=name, compression_strategy="none").json()
    assert (found["complete"], [one["sequence"] for one in found["messages"]]) == (True, [0, 1, 2, 3])
    assert add(api, name, "After it").json()["messages"][0]["sequence"] == 4


def test_what_a_process_left_that_nobody_starts_again_is_drained_by_another(
    api: Api, settings: Settings, name: str
) -> None:
    kill(settings, ["kafka"])
    assert add(api, name, "One", "Two").status_code == 202
    api.stop(signal.SIGKILL)
    journals = api.settings.home / "journal"
    (journals / "0").rename(journals / "7")
    api.start()
    assert add(api, name, "Three").status_code == 202
    servers.up(settings, ["kafka"])
    wait_for(lambda: sorted(one for one, _ in in_kafka(settings, {name})[name]) == ["One", "Three", "Two"], 60, "both")
    drained(api)
    wait_for(lambda: not list(journals.glob("*/*.journal")), 30, "the journals to be empty")


def test_statements_wait_in_the_journal_too(api: Api, settings: Settings, name: str) -> None:
    kill(settings, ["kafka"])
    url = f"{api.url}/v1/knowledge"
    entity = {"name": f"Tool {name}", "type": "TECH", "event_id": f"{name}-1"}
    ends = {"subject": {"name": f"Tool {name}", "type": "TECH"}, "object": {"name": "Kubernetes", "type": "TECH"}}
    relation = {**ends, "relation": "depends_on", "event_id": f"{name}-2"}
    for path, body in (("entities", entity), ("relationships", relation), ("entities", entity)):
        answer = httpx.post(f"{url}/{path}", json=body, timeout=ANSWER_S)
        assert (answer.status_code, answer.json()["stored"]) == (202, "journal"), answer.text
    assert answer.json()["accepted"] is False
    servers.up(settings, ["kafka"])
    drained(api)
    ranges = bus.record_ranges(settings, KNOWLEDGE.name)
    values = [one.value() for records in bus.read_records(settings, KNOWLEDGE.name, ranges) for one in records]
    assert [sum(f'"{name}-{number}"'.encode() in value for value in values) for number in (1, 2)] == [1, 1]


def test_a_full_journal_refuses_and_says_what_to_do(
    place: Installation, settings: Settings, tmp_path: Path, name: str
) -> None:
    small = place.settings.kafka.model_copy(update={"journal_max_mb": 1})
    kill(settings, ["kafka"])
    try:
        with running(own_api(place, tmp_path, kafka=small)) as api:
            body = {"role": "user", "content": "x" * 300_000}
            answers = [ask(api, "messages", conversation_id=name, messages=[body]) for _ in range(5)]
            assert [one.status_code for one in answers] == [202, 202, 202, 503, 503]
            problem = answers[-1].json()
            assert problem["type"] == "urn:helix:problem:journal-full"
            assert "1,048,576 bytes" in problem["detail"] and "kafka.journal_max_mb" in problem["hint"]
            assert checks(api)["journal"].startswith("degraded: full, 3 events")
            servers.up(settings, ["kafka"])
            drained(api)
            found = ask(api, "replay", conversation_id=name, compression_strategy="none").json()
            assert (found["complete"], len(found["messages"])) == (True, 3)
    finally:
        servers.up(settings, ["kafka"])
