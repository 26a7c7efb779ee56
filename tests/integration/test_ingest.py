"""Ingest on real servers: each event once, whatever is killed, repeated or done at the same time."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from helix_pipeline.contracts.events import stable_id
from helix_pipeline.contracts.topics import CONVERSATIONS, TOPICS
from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.local import servers
from helix_pipeline.services.ingest import CHUNK_EVENTS, ingest
from helix_pipeline.settings import Settings, load
from helix_pipeline.settings_sections import RetentionSettings
from helix_pipeline.stores import bus
from helix_pipeline.stores.ledger import Ledger, digest

pytestmark = pytest.mark.servers
TOPIC = CONVERSATIONS.name
INGEST = """
import sys
from pathlib import Path
from helix_pipeline.services.ingest import ingest
from helix_pipeline.settings import load
report = ingest(load(), [Path(sys.argv[1])], lambda progress: print(progress.read, flush=True))
print("accepted", report.accepted, flush=True)
"""


class Log:
    """What Kafka got of one test: the events after the place where the test began."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._start = {partition: end for partition, (_, end) in self._ranges().items()}

    def _ranges(self) -> dict[int, tuple[int, int]]:
        return bus.record_ranges(self._settings, TOPIC)

    def messages(self) -> Counter[str]:
        """Return how often each message id is in Kafka."""
        ranges = {partition: (self._start[partition], end) for partition, (_, end) in self._ranges().items()}
        batches = bus.read_records(self._settings, TOPIC, ranges)
        return Counter(json.loads(record.value())["message_id"] for batch in batches for record in batch)


@pytest.fixture
def log(settings: Settings) -> Log:
    bus.ensure_topics(settings)
    return Log(settings)


def _write(path: Path, count: int, conversations: int = 50) -> set[str]:
    """Write messages that no other test has, and return their ids."""
    salt = uuid4().hex
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            record = {
                "conversation_id": f"{salt}-{number % conversations}",
                "message_id": f"{salt}:{number}",
                "role": "user",
                "content": f"message {number} " + "word " * 20,
                "timestamp": "2026-01-01T00:00:00Z",
            }
            file.write(json.dumps(record) + "\n")
    return {f"{salt}:{number}" for number in range(count)}


def _start(settings: Settings, path: Path) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.address,
        "DATABASE_URL": settings.postgres.address,
    }
    command = [sys.executable, "-c", INGEST, str(path)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _accepted(process: "subprocess.Popen[str]") -> int:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return int(out.split()[-1])


def test_a_file_read_twice_is_published_once(settings: Settings, log: Log, tmp_path: Path) -> None:
    ids = _write(tmp_path / "a.jsonl", CHUNK_EVENTS + 100)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    first = ingest(settings, [tmp_path / "a.jsonl"])
    second = ingest(settings, [tmp_path / "b.jsonl.gz"])
    assert (first.read, first.accepted, first.duplicates) == (len(ids), len(ids), 0)
    assert (second.read, second.accepted, second.duplicates) == (len(ids), 0, len(ids))
    assert log.messages() == Counter(ids)


def test_messages_of_a_conversation_stay_in_order(settings: Settings, log: Log, tmp_path: Path) -> None:
    before = bus.record_ranges(settings, TOPIC)
    _write(tmp_path / "a.jsonl", 2_000, conversations=7)
    ingest(settings, [tmp_path / "a.jsonl"])
    positions: dict[str, list[int]] = {}
    ranges = {p: (before[p][1], end) for p, (_, end) in bus.record_ranges(settings, TOPIC).items()}
    for batch in bus.read_records(settings, TOPIC, ranges):
        for record in batch:
            event = json.loads(record.value())
            assert record.key().decode() == event["conversation_id"]
            positions.setdefault(event["conversation_id"], []).append(event["sequence"])
    salt = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])["conversation_id"][:32]
    mine = {name: found for name, found in positions.items() if name.startswith(salt)}
    assert len(mine) == 7
    assert all(found == list(range(len(found))) for found in mine.values())


def test_what_is_bad_is_counted_and_the_rest_is_published(settings: Settings, log: Log, tmp_path: Path) -> None:
    ids = _write(tmp_path / "a.jsonl", 30)
    good = (tmp_path / "a.jsonl").read_bytes()
    null = json.loads(good.splitlines()[0]) | {"message_id": "null", "content": "a\0b"}
    large = null | {"message_id": "large", "content": "x" * (settings.kafka.max_message_bytes + 1)}
    lines = [b"{broken", json.dumps(null).encode(), json.dumps(large).encode()]
    whole = gzip.compress(good + b"\n".join(lines) + b"\n" + good, 0)
    (tmp_path / "c.jsonl.gz").write_bytes(whole[:-2000])
    (tmp_path / "d.json").write_bytes(b'{"no": "conversation"}')
    report = ingest(settings, [tmp_path / "c.jsonl.gz"])
    assert report.reasons == {"broken JSON": 1, "null byte": 1, "too large": 1, "bad file": 1}
    assert log.messages() == Counter(ids)
    report = ingest(settings, [tmp_path])
    assert (report.files, report.accepted) == (1, 0)
    assert report.examples["null byte"][0].startswith(f"{tmp_path / 'c.jsonl.gz'}: line 32: ")
    assert all("truncated gzip" in message for message in report.bad_files)
    assert ["d.json" in message for message in report.ignored_files] == [True]
    assert report.read == report.accepted + report.duplicates + report.rejected
    assert log.messages() == Counter(ids)


def test_large_messages_arrive(settings: Settings, log: Log, tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", 1)
    record = json.loads((tmp_path / "a.jsonl").read_text())
    with (tmp_path / "a.jsonl").open("w") as file:
        for number in range(12):
            file.write(json.dumps(record | {"message_id": f"{number}", "content": "x" * (2 << 20)}) + "\n")
    assert ingest(settings, [tmp_path / "a.jsonl"]).accepted == 12
    assert log.messages() == Counter(str(number) for number in range(12))


@pytest.mark.parametrize("round_", range(3))
def test_killed_in_the_middle_and_run_again(settings: Settings, log: Log, tmp_path: Path, round_: int) -> None:
    ids = _write(tmp_path / "a.jsonl", 8 * CHUNK_EVENTS)
    process = _start(settings, tmp_path / "a.jsonl")
    assert process.stdout is not None
    for _ in range(1 + round_):
        process.stdout.readline()
    time.sleep(random.Random(round_).uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = log.messages()
    assert 0 < len(before) < len(ids), "the kill came too late or too early"
    report = ingest(settings, [tmp_path / "a.jsonl"])
    assert report.accepted == len(ids) - len(before)
    assert log.messages() == Counter(ids)


def test_processes_at_once_publish_each_event_once(settings: Settings, log: Log, tmp_path: Path) -> None:
    ids = _write(tmp_path / "a.jsonl", 4 * CHUNK_EVENTS)
    processes = [_start(settings, tmp_path / "a.jsonl") for _ in range(3)]
    assert sum(map(_accepted, processes)) == len(ids)
    assert log.messages() == Counter(ids)


def test_events_held_by_one_that_gives_up_are_published_by_one_that_waited(
    settings: Settings, log: Log, tmp_path: Path
) -> None:
    ids = _write(tmp_path / "a.jsonl", 100)
    topic_id = bus.topic_ids(settings)[TOPIC]
    conversations = {json.loads(line)["message_id"]: json.loads(line)["conversation_id"] for line in _lines(tmp_path)}
    held = [digest(topic_id, stable_id("message.added", conversations[id_], id_)) for id_ in sorted(ids)[:60]]
    with Ledger(settings, bus.cluster_id(settings)) as other:
        assert len(other.admit(held, {}).new) == 60
        waiting = _start(settings, tmp_path / "a.jsonl")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(4)
        assert len(log.messages()) == 40
    assert _accepted(waiting) == len(ids)
    assert log.messages() == Counter(ids)


def _lines(folder: Path) -> list[str]:
    return (folder / "a.jsonl").read_text(encoding="utf-8").splitlines()


def test_kafka_killed_and_started_again_in_the_middle(settings: Settings, log: Log, tmp_path: Path) -> None:
    ids = _write(tmp_path / "a.jsonl", 8 * CHUNK_EVENTS)
    process = _start(settings, tmp_path / "a.jsonl")
    assert process.stdout is not None
    process.stdout.readline()
    (kafka,) = servers.status(settings, ["kafka"])
    server = psutil.Process(kafka.pid)
    server.kill()
    server.wait(30)
    servers.up(settings, ["kafka"])
    assert _accepted(process) == len(ids)
    assert log.messages() == Counter(ids)


def test_topics_are_made_once_and_kept_in_line(settings: Settings) -> None:
    states = bus.ensure_topics(settings)
    assert set(states) == {topic.name for topic in TOPICS}
    assert set(bus.ensure_topics(settings).values()) == {"ready"}
    changed = settings.model_copy(update={"retention": RetentionSettings(kafka_hours=99)})
    assert set(bus.ensure_topics(changed).values()) == {"updated"}
    assert set(bus.ensure_topics(settings).values()) == {"updated"}
    ranges = [len(bus.record_ranges(settings, topic.name)) for topic in TOPICS]
    assert ranges == [topic.partitions for topic in TOPICS]


def test_servers_that_do_not_answer_and_missing_files_are_one_line(settings: Settings, tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", 1)
    away = load(environ={}, flags={"kafka.bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1 does not answer"):
        ingest(away, [tmp_path / "a.jsonl"])
    with pytest.raises(UsageError, match="no such file"):
        ingest(settings, [tmp_path / "none.jsonl"])
    with pytest.raises(StoreError, match="has no topic nowhere"):
        bus.record_ranges(settings, "nowhere")


def test_a_read_beyond_what_is_kept_fails_instead_of_ending(settings: Settings) -> None:
    with pytest.raises(StoreError, match="partition 0"):
        list(bus.read_records(settings, TOPIC, {0: (1 << 40, 1 << 41)}))


def test_a_record_too_large_for_the_topic_is_named(settings: Settings) -> None:
    with bus.EventProducer(settings) as producer, pytest.raises(StoreError, match="Message size too large"):
        producer.publish(TOPIC, b"k", b"x" * (settings.kafka.max_message_bytes + 1))


def test_records_that_are_not_taken_are_counted(settings: Settings) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka.address})
    small = NewTopic(f"test-{uuid4()}", 1, 1, config={"max.message.bytes": "1000"})
    admin.create_topics([small])[small.topic].result(30)
    with bus.EventProducer(settings) as producer:
        for _ in range(2):
            producer.publish(small.topic, b"k", os.urandom(2_000))
        with pytest.raises(StoreError, match=f"did not take 2 records: {small.topic}"):
            producer.flush(30)
        producer.publish(small.topic, b"k", b"small")
        producer.flush(30)
