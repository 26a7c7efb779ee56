"""`helix quarantine` with real stores: shows what is there, and sends each record again at most once."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner, Result

from helix_pipeline.cli import quarantine as commands
from helix_pipeline.contracts.events import DebateStarted, MessageAdded
from helix_pipeline.contracts.rows import QUARANTINE
from helix_pipeline.contracts.tables import LAKE_QUARANTINE, LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES
from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.services.quarantine import Quarantined, Selection, list_records
from helix_pipeline.services.quarantine_replay import HEADER, Replayer, ReplayReport, replay, sent_before
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, lake

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC).replace(microsecond=0)
RAW = b'{"broken": \x00\xff [red]'


class Quarantine:
    """A quarantine table of this test's own, and what was sent to Kafka since the test began."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        own = settings.lake.model_copy(update={"root": str(folder / "lake")})
        self.settings = settings.model_copy(update={"lake": own})
        self.lake = lake.open_lake(self.settings)
        lake.create_tables(self.lake, LAKE_TABLES)
        bus.ensure_topics(settings)
        self.offset, self.began = 0, datetime.now(UTC)
        self.starts = {name: self.ends(name) for name in (CONVERSATIONS.name, DEBATES.name)}

    def put(
        self,
        value: bytes | None,
        topic: str = CONVERSATIONS.name,
        reason: str = "r",
        key: bytes | None = b"k",
    ) -> None:
        self.offset += 1
        row = {
            "topic": topic,
            "kafka_partition": 3,
            "kafka_offset": self.offset,
            "ingested_at": self.began + timedelta(seconds=self.offset),
            "key": key,
            "value": value,
            "reason": reason,
        }
        files = lake.write_files(self.lake, LAKE_QUARANTINE, pa.Table.from_pylist([row], QUARANTINE))
        assert lake.commit(lake.open_table(self.lake, LAKE_QUARANTINE.name), files, "test", self.offset)

    def ends(self, topic: str) -> dict[int, int]:
        return {p: end for p, (_, end) in bus.record_ranges(self.settings, topic).items()}

    def sent(self, topic: str = CONVERSATIONS.name) -> list[tuple[bytes, bytes, dict[str, bytes]]]:
        """Key, value and headers of the records that the topic got since the test began."""
        ranges = {p: (self.starts[topic][p], end) for p, end in self.ends(topic).items()}
        read = bus.read_records(self.settings, topic, ranges)
        return [(m.key(), m.value(), dict(m.headers() or [])) for messages in read for m in messages]

    def replay(self, *, dry_run: bool = False, corrected: Path | None = None, **selection: str) -> ReplayReport:
        return replay(self.settings, Selection(**selection), dry_run, corrected)


@pytest.fixture
def quarantine(settings: Settings, tmp_path: Path) -> Quarantine:
    return Quarantine(settings, tmp_path)


def message(name: str) -> bytes:
    event = MessageAdded(
        event_id=f"{name}/{uuid4().hex}", timestamp=NOW, conversation_id=name, message_id=name, sequence=0,
        role="user", content="text",
    )  # fmt: skip
    return event.model_dump_json(exclude_none=True).encode()


def test_the_newest_are_listed_and_reasons_are_counted(quarantine: Quarantine) -> None:
    quarantine.put(b"old", reason="JSON is malformed at byte 17")
    quarantine.put(b"new", reason="JSON is malformed at byte 4711")
    quarantine.put(None, DEBATES.name, reason="Object missing required field `topic`")
    listing = list_records(quarantine.settings, Selection(), 2)
    assert [(record.topic, record.offset) for record in listing.records] == [
        (DEBATES.name, 3),
        (CONVERSATIONS.name, 2),
    ]
    assert listing.reasons == {"JSON is malformed at byte N": 2, "Object missing required field `…`": 1}
    assert listing.total == 3


@pytest.mark.parametrize(
    ("selection", "offsets"),
    [
        (Selection(topic=DEBATES.name), [3]),
        (Selection(reason="MALFORMED"), [2, 1]),
        (Selection(CONVERSATIONS.name, "missing"), []),
        (Selection(DEBATES.name, "missing"), [3]),
    ],
)
def test_a_selection_by_topic_and_reason(quarantine: Quarantine, selection: Selection, offsets: list[int]) -> None:
    quarantine.put(b"", reason="malformed")
    quarantine.put(b"", reason="malformed")
    quarantine.put(b"", DEBATES.name, reason="missing field")
    listing = list_records(quarantine.settings, selection, 9)
    assert [record.offset for record in listing.records] == offsets
    assert listing.total == len(offsets)


def test_an_unknown_topic_and_a_lake_without_tables_are_errors(quarantine: Quarantine) -> None:
    with pytest.raises(UsageError, match="unknown topic 'nope'"):
        list_records(quarantine.settings, Selection(topic="nope"), 1)
    away = quarantine.settings.lake.model_copy(update={"root": "/nowhere/at/all"})
    with pytest.raises(StoreError, match="lake table"):
        list_records(quarantine.settings.model_copy(update={"lake": away}), Selection(), 1)


def test_what_can_be_read_is_sent_once_with_its_key_and_bytes(quarantine: Quarantine) -> None:
    good = message("c1")
    quarantine.put(good, key=b"as it was")
    quarantine.put(RAW, reason="malformed")
    first, second = quarantine.replay(), quarantine.replay()
    assert (first.sent, first.before, first.left) == (1, 0, 1)
    assert (second.sent, second.before, second.left) == (0, 1, 1)
    ((key, value, headers),) = quarantine.sent()
    assert (key, value) == (b"as it was", good)
    assert headers[HEADER].startswith(f"{CONVERSATIONS.name}/3/1/".encode())
    assert sum(first.reasons.values()) == 1


def test_a_record_without_key_gets_that_of_its_entity(quarantine: Quarantine) -> None:
    quarantine.put(message("c7"), key=None)
    assert quarantine.replay().sent == 1
    assert quarantine.sent()[0][0] == b"c7"


def test_a_dry_run_counts_and_sends_nothing(quarantine: Quarantine) -> None:
    quarantine.put(message("c1"))
    quarantine.put(RAW)
    dry = quarantine.replay(dry_run=True)
    assert (dry.dry_run, dry.sent, dry.before, dry.left) == (True, 1, 0, 1)
    assert quarantine.sent() == []
    quarantine.replay()
    again = quarantine.replay(dry_run=True)
    assert (again.sent, again.before) == (0, 1)


def test_only_the_selected_are_sent(quarantine: Quarantine) -> None:
    debate = DebateStarted(event_id=uuid4().hex, timestamp=NOW, debate_id="d", topic="t").model_dump_json()
    quarantine.put(message("c1"))
    quarantine.put(debate.encode(), DEBATES.name, reason="newer version")
    assert quarantine.replay(topic=DEBATES.name, reason="NEWER").sent == 1
    assert (len(quarantine.sent()), len(quarantine.sent(DEBATES.name))) == (0, 1)


def test_exported_lines_are_corrected_and_sent_to_their_entity(quarantine: Quarantine, tmp_path: Path) -> None:
    quarantine.put(message("c1").replace(b'"sequence":0', b'"sequence":"zero"'), key=b"wrong")
    quarantine.put(RAW)
    quarantine.put(message("can be read"))
    out = tmp_path / "lines.jsonl"
    result = invoke(quarantine, "export", "--out", str(out))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert result.exit_code == 0
    assert [line["offset"] for line in lines] == [1, 2] or [line["offset"] for line in lines] == [2, 1]
    line = next(line for line in lines if line["offset"] == 1)
    line["value"]["sequence"] = 4
    report = quarantine.replay(corrected=jsonl(tmp_path, line))
    assert (report.sent, report.left) == (1, 0)
    ((key, value, _),) = quarantine.sent()
    assert (key, json.loads(value)) == (b"c1", line["value"])
    assert quarantine.replay(corrected=jsonl(tmp_path, line)).before == 1


def test_corrections_that_cannot_be_used_are_left_with_their_reason(quarantine: Quarantine, tmp_path: Path) -> None:
    quarantine.put(RAW)
    place = {"topic": CONVERSATIONS.name, "partition": 3}
    still_bad = {**place, "offset": 1, "value": {"event_type": "message.added"}}
    elsewhere = {**place, "offset": 999, "value": json.loads(message("c1"))}
    report = quarantine.replay(corrected=jsonl(tmp_path, still_bad, elsewhere))
    assert (report.sent, report.left, report.reasons["not in the quarantine"]) == (0, 2, 1)
    assert quarantine.sent() == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "line 1: expected an object"),
        (
            '{"topic": "helixagent.debates", "partition": 1, "offset": "1", "value": {}}',
            "`offset` must be int",
        ),
        ('{"topic": "other", "partition": 1, "offset": 1, "value": {}}', "unknown topic 'other'"),
        (
            '{"topic": "helixagent.debates", "partition": 1, "offset": 1, "value": "text"}',
            "`value` must be dict",
        ),
    ],
)
def test_a_file_that_is_not_one_of_corrections(quarantine: Quarantine, tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=problem):
        quarantine.replay(corrected=path)


def test_a_file_that_is_absent(quarantine: Quarantine, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        quarantine.replay(corrected=tmp_path / "absent.jsonl")


CRASH = """
import os, signal, sys
from helix_pipeline.settings import Settings
from helix_pipeline.services.quarantine import Selection, read
from helix_pipeline.services.quarantine_replay import Replayer, Resend

settings = Settings.model_validate_json(sys.stdin.read())
replayer = Replayer(settings)
resends = [Resend(record, b"k", record.value) for record in read(settings, Selection())]
replayer._ledger.admit([resend.original.id for resend in resends], replayer._ends())
replayer._publish(resends[0])
replayer._producer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A replay that dies when it has entered all of its records and sent the first."""


def test_a_replay_after_a_crash_sends_only_what_was_not_sent(quarantine: Quarantine) -> None:
    values = {message(f"c{n}") for n in range(3)}
    for value in values:
        quarantine.put(value)
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH],
        input=plain_json(quarantine.settings),
        text=True,
        timeout=60,
        check=False,
    )
    assert crashed.returncode == -signal.SIGKILL
    assert len(quarantine.sent()) == 1
    report = quarantine.replay()
    assert (report.sent, report.before) == (2, 1)
    assert sorted(value for _, value, _ in quarantine.sent()) == sorted(values)


def test_what_another_replay_is_sending_is_left(quarantine: Quarantine) -> None:
    quarantine.put(message("c1"))
    record = list_records(quarantine.settings, Selection(), 1).records[0]
    with Replayer(quarantine.settings) as other:
        other._ledger.admit([record.id], other._ends())
        report = quarantine.replay()
    assert (report.sent, report.reasons) == (0, {"another replay is sending it": 1})


def test_list_shows_a_safe_preview_and_what_was_sent(quarantine: Quarantine) -> None:
    quarantine.put(message("c1"))
    quarantine.replay()
    quarantine.put(RAW + b"x" * 5000, reason="a reason [bold]")
    result = invoke(quarantine, "list", "--json")
    document = json.loads(result.stdout)
    bad, good = document["records"]
    assert (good["replayed"], bad["replayed"]) == (True, False)
    assert bad["preview"].startswith('{"broken": \\x00\\xff [red]') and len(bad["preview"]) == 120
    assert document["total"] == 2
    table = invoke(quarantine, "list", "--limit", "1").stdout
    assert "a reason [bold]" in table
    assert "\x00" not in table


def test_replay_on_the_command_line(quarantine: Quarantine, tmp_path: Path) -> None:
    quarantine.put(message("c1"))
    quarantine.put(RAW)
    document = json.loads(invoke(quarantine, "replay", "--json").stdout)
    assert (document["sent"], document["left"], document["dry_run"]) == (1, 1, False)
    assert "0 would be sent, 1 were before, 1 left" in invoke(quarantine, "replay", "--dry-run").stdout
    both = invoke(quarantine, "replay", "--from", str(tmp_path / "x"), "--topic", DEBATES.name)
    assert isinstance(both.exception, UsageError)


def test_nothing_was_sent_before_the_ledger_exists(quarantine: Quarantine) -> None:
    unknown = Quarantined(CONVERSATIONS.name, 0, 0, NOW, None, None, "r")
    assert sent_before(quarantine.settings, [unknown]) == set()
    with pytest.raises(StoreError, match="PostgreSQL does not answer"):
        sent_before(Settings(postgres={"url": "postgresql://127.0.0.1:9/none"}), [unknown])


def jsonl(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "corrected.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def plain_json(settings: Settings) -> str:
    """The settings with the secrets of the test's servers, for another process."""
    document = json.loads(settings.model_dump_json())
    document["postgres"]["url"] = settings.postgres.address
    for section, name in (("neo4j", "password"), ("clickhouse", "password")):
        document[section][name] = getattr(getattr(settings, section), name).get_secret_value()
    return json.dumps(document)


def invoke(quarantine: Quarantine, *arguments: str) -> Result:
    """Run `helix quarantine`, told by the environment where the servers are."""
    settings = quarantine.settings
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    environment = {
        "HELIX_HOME": str(settings.home),
        "HELIX_LAKE_ROOT": settings.lake_root,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.address,
        "DATABASE_URL": settings.postgres.address,
        "COLUMNS": "400",
    }
    return CliRunner().invoke(app, ["quarantine", *arguments], env=environment)
