"""`helix quarantine` with real stores: shows what is there."""

import json
from pathlib import Path

import pytest
from quarantine_table import NOW, RAW, Quarantine, invoke, message

from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES
from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.services.quarantine import Quarantined, Selection, list_records
from helix_pipeline.settings import Settings
from helix_pipeline.stores.ledger import entered

pytestmark = pytest.mark.servers


@pytest.fixture
def quarantine(settings: Settings, tmp_path: Path) -> Quarantine:
    return Quarantine(settings, tmp_path)


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
    assert entered(quarantine.settings, [unknown.id]) == set()
    with pytest.raises(StoreError, match="PostgreSQL does not answer"):
        entered(Settings(postgres={"url": "postgresql://127.0.0.1:9/none"}), [unknown.id])
