"""Quarantined records are sent again, each at most once."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from quarantine_table import NOW, RAW, Quarantine, invoke, message

from helix_pipeline.contracts.events import DebateStarted
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES
from helix_pipeline.errors import UsageError
from helix_pipeline.services.quarantine import Selection, list_records
from helix_pipeline.services.quarantine_replay import HEADER, Replayer
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers


@pytest.fixture
def quarantine(settings: Settings, tmp_path: Path) -> Quarantine:
    return Quarantine(settings, tmp_path)


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
