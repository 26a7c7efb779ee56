"""The archive of a lake on disk: what is in a file, where it lies, and ids that want to be elsewhere."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from helix_pipeline.cli import app
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_TABLES, LakeTable
from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.services.archive import (
    CONVERSATION,
    Archived,
    archive_conversation,
    archive_day,
    archive_debate,
    file_name,
)
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.lake import commit, create_tables, open_lake, open_table, write_files

START = datetime(2026, 6, 1, 23, 59, 59, 999_999, tzinfo=UTC)
HOSTILE = [
    "../../x",
    "/etc/passwd",
    "..",
    "a/b\\c",
    "%2e%2e%2f",
    "x" * 512,
    "\U0001f600" * 128,
    "nul\x00newline\n",
    "year=2026/day=01",
    "C:con",
    ".hidden",
    " ",
]


def event(number: int, seconds: float = 0, **values: Any) -> dict[str, Any]:
    source = {"kafka_partition": 0, "kafka_offset": number, "ingested_at": START}
    at = START + timedelta(seconds=seconds)
    return {"schema_version": 1, "event_id": f"e{number}", "timestamp": at, "metadata": "{}"} | source | values


def message(number: int, conversation: str, seconds: float = 0, **values: Any) -> dict[str, Any]:
    said = {"event_type": "message.added", "message_id": f"m{number}", "sequence": number, "role": "user"}
    return event(number, seconds, conversation_id=conversation, content=f"text {number}", **(said | values))


def turn(number: int, debate: str, seconds: float = 0) -> dict[str, Any]:
    return event(number, seconds, event_type="debate.turn", debate_id=debate, round=1, turn=number, topic="t")


@pytest.fixture
def at_home(tmp_path: Path) -> Settings:
    made = load(environ={}, flags={"home": str(tmp_path / "home")})
    create_tables(open_lake(made), LAKE_TABLES)
    return made


def fill(settings: Settings, table: LakeTable, events: Iterable[dict[str, Any]], version: int = 0) -> None:
    lake = open_lake(settings)
    rows = pa.Table.from_pylist(list(events), schema=table.schema)
    commit(open_table(lake, table.name), write_files(lake, table, rows), "test", version)


def read(archived: Archived) -> list[dict[str, Any]]:
    return pq.ParquetFile(archived.path).read().to_pylist()


def files(settings: Settings) -> list[str]:
    root = Path(settings.lake_root) / "archive"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_file_has_all_events_of_a_conversation_in_order_and_no_other(at_home: Settings) -> None:
    """Written out of order and over two days; the second commit has a later event and one that was sent again."""
    mine = [message(number, "mine", number) for number in range(4)]
    end = event(9, 9, event_type="conversation.completed", conversation_id="mine", messages=4)
    fill(at_home, LAKE_CONVERSATIONS, [mine[2], message(7, "other"), mine[0], mine[1]])
    fill(at_home, LAKE_CONVERSATIONS, [mine[0] | {"kafka_offset": 50}, end, mine[3]], 1)
    archived = archive_conversation(at_home, "mine")
    folder = "archive/conversations/year=2026/month=06/day=01"
    assert archived.path == f"{at_home.lake_root}/{folder}/conversation_mine.parquet"
    assert (archived.rows, archived.bytes) == (5, Path(archived.path).stat().st_size)
    wanted = pa.Table.from_pylist([*mine, end], schema=LAKE_CONVERSATIONS.schema)
    found = pq.ParquetFile(archived.path).read()
    assert found.schema.equals(wanted.schema) and found.to_pylist() == wanted.to_pylist()


def test_a_second_call_writes_the_same_again(at_home: Settings) -> None:
    fill(at_home, LAKE_CONVERSATIONS, [message(number, "c") for number in range(50)])
    first = archive_conversation(at_home, "c")
    content = Path(first.path).read_bytes()
    assert archive_conversation(at_home, "c") == first
    assert Path(first.path).read_bytes() == content
    assert files(at_home) == ["conversations/year=2026/month=06/day=01/conversation_c.parquet"]


def test_what_a_day_archives_began_on_it_and_is_whole(at_home: Settings) -> None:
    """`before` began the day before, `over` goes on the day after, `after` begins then."""
    day, hours = date(2026, 6, 2), 3600
    said = {"before": (0, 2), "on": (1, 5 * hours), "over": (23 * hours, 30 * hours), "after": (25 * hours, 26 * hours)}
    numbers = iter(range(100))
    fill(at_home, LAKE_CONVERSATIONS, (message(next(numbers), name, at) for name, all in said.items() for at in all))
    fill(at_home, LAKE_DEBATES, [turn(1, "d", 2), turn(0, "d", 1), turn(2, "e", 26 * hours)])
    heard: list[Archived] = []
    found = archive_day(at_home, day, heard.append)
    assert heard == found
    assert [Path(one.path).name for one in found] == [
        "conversation_on.parquet",
        "conversation_over.parquet",
        "debate_d.parquet",
    ]
    assert [one.rows for one in found] == [2, 2, 2]
    assert {Path(one.path).parent.name for one in found} == {"day=02"}
    assert [row["turn"] for row in read(found[2])] == [0, 1]
    assert archive_debate(at_home, "d") == found[2]
    assert archive_day(at_home, date(2020, 1, 1)) == []


def test_a_day_writes_what_one_conversation_writes(at_home: Settings) -> None:
    fill(at_home, LAKE_CONVERSATIONS, (message(number, f"c{number % 7}") for number in range(500)))
    for one in archive_day(at_home, START.date()):
        name = Path(one.path).stem.removeprefix("conversation_")
        together = read(one)
        assert archive_conversation(at_home, name).rows == one.rows
        assert read(one) == together


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_id_leaves_the_archive(at_home: Settings, name: str) -> None:
    fill(at_home, LAKE_CONVERSATIONS, [message(0, name), message(1, "x")])
    archived = archive_conversation(at_home, name)
    [path] = files(at_home)
    assert path.startswith("conversations/year=2026/month=06/day=01/conversation_") and path.count("/") == 4
    assert Path(archived.path).resolve().is_relative_to(Path(at_home.lake_root) / "archive")
    assert len(Path(path).name.encode()) <= 255
    assert [row["conversation_id"] for row in read(archived)] == [name]


def test_names_differ_where_ids_do() -> None:
    ids = [*HOSTILE, "x" * 511, "x" * 160, "x" * 161, "\U0001f600" * 127, "%2E%2E%2F", "../../x ", "a"]
    assert len({file_name(CONVERSATION, name) for name in ids}) == len(ids)
    assert file_name(CONVERSATION, "conv-1_2.x~y") == "conversation_conv-1_2.x~y.parquet"


@pytest.mark.parametrize("name", ["nobody", "", "\ud800", "' OR 1=1 --"])
def test_an_unknown_id_is_an_error_and_leaves_no_file(at_home: Settings, name: str) -> None:
    fill(at_home, LAKE_CONVERSATIONS, [message(0, "somebody")])
    with pytest.raises(UsageError, match=r"no conversation .* in the lake"):
        archive_conversation(at_home, name)
    with pytest.raises(UsageError, match="no debate"):
        archive_debate(at_home, "somebody")
    assert files(at_home) == []


def test_a_lake_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot open the lake table"):
        archive_conversation(load(environ={}, flags={"home": str(tmp_path)}), "c")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    at_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(at_home, LAKE_CONVERSATIONS, [message(0, "c")])
    before = read(archive_conversation(at_home, "c"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pq.ParquetWriter, "write_batch", full)
        with pytest.raises(StoreError, match=r"cannot archive from the lake .*No space left"):
            archive_conversation(at_home, "c")
    [path] = files(at_home)
    assert read(Archived(f"{at_home.lake_root}/archive/{path}", 1, 0)) == before


def test_the_command_line_archives_and_tells_in_json(at_home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIX_HOME", str(at_home.home))
    fill(at_home, LAKE_CONVERSATIONS, [message(0, "a"), message(1, "b")])
    fill(at_home, LAKE_DEBATES, [turn(0, "d")])
    told = {}
    for args in (("conversation", "a"), ("debate", "d"), ("day", "2026-06-01")):
        result = CliRunner().invoke(app, ["archive", *args, "--json"])
        assert result.exit_code == 0
        told[args[0]] = json.loads(result.stdout)
    assert told["conversation"]["rows"] == told["debate"]["rows"] == 1
    assert (len(told["day"]["files"]), told["day"]["rows"]) == (3, 3)
    assert told["day"]["bytes"] == sum(one["bytes"] for one in told["day"]["files"])
    assert told["conversation"]["files"][0] == told["day"]["files"][0]
    for wrong in (("conversation", "nobody"), ("day", "yesterday")):
        result = CliRunner().invoke(app, ["archive", *wrong])
        assert isinstance(result.exception, UsageError)
