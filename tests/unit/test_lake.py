"""The lake on disk: what is committed once stays once, and file statistics never hide a row from a reader."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable, QueryBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.errors import StoreError
from helix_pipeline.stores.lake import Lake, commit, committed, count_rows, create_tables, open_table, write_files

AT = datetime(2026, 6, 1, 23, 59, 59, 999_500, tzinfo=UTC)
LONG = "conversation-" + "x" * 60
IDS = ["a", "z", LONG, LONG + "a", LONG + "b", "x" * 48, "x" * 49, "ü" * 60, "\U0001f600" * 50]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    place = Lake(str(tmp_path / "lake"))
    create_tables(place, LAKE_TABLES)
    return place


@pytest.fixture
def target(lake: Lake) -> DeltaTable:
    return open_table(lake, LAKE_CONVERSATIONS.name)


def rows(ids: list[str], times: list[datetime] | None = None) -> pa.Table:
    """Messages of these conversations at these times (all at `AT` by default), as the streams write them."""
    numbers = count()
    return pa.Table.from_pylist(
        [
            {
                "schema_version": 1,
                "event_id": f"e{number}",
                "timestamp": time,
                "metadata": "{}",
                "event_type": "message.added",
                "conversation_id": conversation,
                "message_id": f"m{number}",
                "sequence": number,
                "role": "user",
                "content": "hello",
                "kafka_partition": 0,
                "kafka_offset": number,
                "ingested_at": AT,
            }
            for number, conversation, time in zip(numbers, ids, times or [AT] * len(ids), strict=False)
        ],
        schema=LAKE_CONVERSATIONS.schema,
    )


def newest(lake: Lake) -> DeltaTable:
    return open_table(lake, LAKE_CONVERSATIONS.name)


def add(lake: Lake, version: int, table: pa.Table, app_id: str = "query") -> bool:
    return commit(newest(lake), write_files(lake, LAKE_CONVERSATIONS, table), app_id, version)


def ids_in(lake: Lake, condition: ds.Expression | None = None) -> list[str]:
    """Conversations of the rows that meet a condition, read with the log's statistics."""
    found = newest(lake).to_pyarrow_dataset().to_table(columns=["conversation_id"], filter=condition)
    return sorted(found["conversation_id"].to_pylist())


def counted(lake: Lake, condition: str) -> int:
    """How many rows meet a condition, asked of the query engine of delta-rs."""
    query = f"SELECT count(*) AS n FROM t WHERE {condition}"
    return pa.table(QueryBuilder().register("t", newest(lake)).execute(query))["n"][0].as_py()


def test_files_are_invisible_until_they_are_committed(lake, target):
    files = write_files(lake, LAKE_CONVERSATIONS, rows(["a", "b"]))
    assert count_rows(newest(lake)) == 0
    assert commit(target, files, "query", 0)
    assert count_rows(newest(lake)) == 2
    assert ids_in(lake) == ["a", "b"]


def test_a_replayed_batch_changes_nothing(lake, target):
    assert commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 4)
    version = newest(lake).version()
    again = write_files(lake, LAKE_CONVERSATIONS, rows(["a"]))
    assert [commit(one, again, "query", batch) for one in (target, newest(lake)) for batch in (4, 3)] == [False] * 4
    assert newest(lake).version() == version
    assert ids_in(lake) == ["a"]


def test_later_batches_and_other_queries_are_no_replay(lake):
    for app_id, version in (("query", 0), ("query", 1), ("other", 0), ("query", 7)):
        assert not committed(newest(lake), app_id, version)
        assert add(lake, version, rows(["a"]), app_id)
        assert committed(newest(lake), app_id, version)
    assert count_rows(newest(lake)) == 4


def test_a_table_opened_earlier_hears_of_what_another_committed(lake, target):
    assert add(lake, 0, rows(["a"]))
    assert not commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 0)
    assert count_rows(newest(lake)) == 1


def test_each_day_of_utc_has_its_file_and_partition(lake, target):
    times = [AT, AT + timedelta(microseconds=500), AT - timedelta(days=1), AT, AT + timedelta(days=40)]
    files = write_files(lake, LAKE_CONVERSATIONS, rows(list("abcde"), times))
    days = {(f.partition["year"], f.partition["month"], f.partition["day"]): f.rows for f in files}
    assert days == {("2026", "5", "31"): 1, ("2026", "6", "1"): 2, ("2026", "6", "2"): 1, ("2026", "7", "11"): 1}
    assert len(files) == 4
    commit(target, files, "query", 0)
    assert ids_in(lake, ds.field("day") == 1) == ["a", "d"]
    assert ids_in(lake, ds.field("month") == 7) == ["e"]
    assert {f.path.rpartition("/")[0] for f in files} >= {"year=2026/month=06/day=01", "year=2026/month=07/day=11"}
    assert all((Path(lake.uri(LAKE_CONVERSATIONS.name)) / f.path).stat().st_size == f.size for f in files)


def test_a_table_keeps_its_rows_as_they_were(lake):
    wanted = rows(IDS, [AT + timedelta(hours=n) for n in range(len(IDS))])
    add(lake, 0, wanted)
    found = newest(lake).to_pyarrow_table(columns=wanted.column_names).sort_by("kafka_offset")
    assert found.to_pylist() == wanted.to_pylist()


@pytest.mark.parametrize("conversation", IDS, ids=range(len(IDS)))
def test_a_reader_that_skips_files_by_statistics_finds_every_row(lake, conversation):
    for version, part in enumerate((IDS[:3], IDS[3:5], IDS[5:], [conversation])):
        add(lake, version, rows(part))
    assert ids_in(lake, ds.field("conversation_id") == conversation) == [conversation] * 2
    assert counted(lake, f"conversation_id = '{conversation}'") == 2


@pytest.mark.parametrize("microsecond", [0, 1, 999, 1000, 999_999])
def test_a_reader_finds_a_time_to_the_microsecond(lake, microsecond):
    at = AT.replace(microsecond=microsecond)
    add(lake, 0, rows(["a"], [at]))
    assert ids_in(lake, ds.field("timestamp") == pa.scalar(at, pa.timestamp("us", tz="UTC"))) == ["a"]
    assert counted(lake, f"timestamp = TIMESTAMP '{at.isoformat()}'") == 1


def test_files_without_the_value_are_skipped(lake):
    for version, conversation in enumerate((LONG, "a", "b")):
        add(lake, version, rows([conversation]))
    fragments = newest(lake).to_pyarrow_dataset().get_fragments(filter=ds.field("conversation_id") == "a")
    assert len(list(fragments)) == 1


bounded = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\U0010ffff"), min_size=1, max_size=60)
moments = st.datetimes(datetime(2026, 6, 1), datetime(2026, 6, 2)).map(lambda t: t.replace(tzinfo=UTC))


@settings(max_examples=40, deadline=None)
@given(ids=st.lists(bounded, min_size=1, max_size=6), data=st.data())
def test_statistics_bound_the_values_of_their_file(tmp_path_factory, ids, data):
    place = Lake(str(tmp_path_factory.getbasetemp() / "bounds"))
    times = data.draw(st.lists(moments, min_size=len(ids), max_size=len(ids)))
    for file in write_files(place, LAKE_CONVERSATIONS, rows(ids, times)):
        statistics = json.loads(file.statistics)
        least, most = statistics["minValues"], statistics["maxValues"]
        mine = [(c, t) for c, t in zip(ids, times, strict=True) if str(t.day) == file.partition["day"]]
        assert statistics["numRecords"] == file.rows == len(mine)
        for conversation, time in mine:
            assert least["conversation_id"] <= conversation <= most["conversation_id"]
            assert datetime.fromisoformat(least["timestamp"]) <= time <= datetime.fromisoformat(most["timestamp"])
        assert len(most["conversation_id"]) <= 49


def test_columns_without_values_have_no_bounds_and_nulls_are_counted(lake):
    (file,) = write_files(lake, LAKE_CONVERSATIONS, rows(["a", "b"]))
    statistics = json.loads(file.statistics)
    assert statistics["nullCount"]["conversation_id"] == 0
    assert statistics["minValues"].keys() == statistics["maxValues"].keys() == statistics["nullCount"].keys()
    assert "content" not in statistics["minValues"]
    assert (statistics["minValues"]["kafka_offset"], statistics["maxValues"]["kafka_offset"]) == (0, 1)


def test_tables_are_created_once_and_left_as_they_are(lake):
    add(lake, 0, rows(["a"]))
    create_tables(lake, LAKE_TABLES)
    assert count_rows(newest(lake)) == 1


def test_a_table_that_is_missing_is_named(tmp_path):
    with pytest.raises(StoreError, match=rf"cannot open the lake table {tmp_path}/conversations: "):
        open_table(Lake(str(tmp_path)), "conversations")


def test_a_lake_has_one_place_under_three_names(tmp_path):
    assert Lake(f"file://{tmp_path}").uri("t") == Lake(f"file:{tmp_path}").uri("t") == f"{tmp_path}/t"
    remote = Lake("s3a://bucket/prefix", {"AWS_REGION": "r", "AWS_SECRET_ACCESS_KEY": "hunter2"})
    assert (remote.uri("t"), remote.spark_uri("t")) == ("s3://bucket/prefix/t", "s3a://bucket/prefix/t")
    assert "hunter2" not in repr(remote)
