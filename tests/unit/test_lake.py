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


def ids_in(target: DeltaTable, **filters: object) -> list[str]:
    condition = None
    for name, value in filters.items():
        condition = ds.field(name) == value
    found = target.to_pyarrow_dataset().to_table(columns=["conversation_id"], filter=condition)
    return sorted(found["conversation_id"].to_pylist())


def test_files_are_invisible_until_they_are_committed(lake, target):
    files = write_files(lake, LAKE_CONVERSATIONS, rows(["a", "b"]))
    assert count_rows(target) == 0
    assert commit(target, files, "query", 0)
    assert count_rows(target) == 2
    assert ids_in(target) == ["a", "b"]


def test_a_replayed_batch_changes_nothing(lake, target):
    assert commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 4)
    version = target.version()
    again = write_files(lake, LAKE_CONVERSATIONS, rows(["a"]))
    other = open_table(lake, LAKE_CONVERSATIONS.name)
    assert [commit(one, again, "query", batch) for one in (target, other) for batch in (4, 3)] == [False] * 4
    assert open_table(lake, LAKE_CONVERSATIONS.name).version() == version
    assert ids_in(other) == ["a"]


def test_later_batches_and_other_queries_are_no_replay(lake, target):
    for app_id, version in (("query", 0), ("query", 1), ("other", 0), ("query", 7)):
        assert not committed(target, app_id, version)
        assert commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), app_id, version)
        assert committed(target, app_id, version)
    assert count_rows(target) == 4


def test_a_table_opened_earlier_sees_what_another_committed(lake, target):
    other = open_table(lake, LAKE_CONVERSATIONS.name)
    assert commit(other, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 0)
    assert not commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 0)
    assert count_rows(target) == 1


def test_each_day_of_utc_has_its_file_and_partition(lake, target):
    times = [AT, AT + timedelta(microseconds=500), AT - timedelta(days=1), AT, AT + timedelta(days=40)]
    files = write_files(lake, LAKE_CONVERSATIONS, rows(list("abcde"), times))
    days = {(f.partition["year"], f.partition["month"], f.partition["day"]): f.rows for f in files}
    assert days == {("2026", "5", "31"): 1, ("2026", "6", "1"): 2, ("2026", "6", "2"): 1, ("2026", "7", "11"): 1}
    assert len(files) == 4
    commit(target, files, "query", 0)
    assert ids_in(target, day=1) == ["a", "d"]
    assert ids_in(target, month=7) == ["e"]
    assert {f.path.rpartition("/")[0] for f in files} >= {"year=2026/month=06/day=01", "year=2026/month=07/day=11"}
    assert all((Path(target.table_uri) / f.path).stat().st_size == f.size for f in files)


def test_a_table_keeps_its_rows_as_they_were(lake, target):
    wanted = rows(IDS, [AT + timedelta(hours=n) for n in range(len(IDS))])
    commit(target, write_files(lake, LAKE_CONVERSATIONS, wanted), "query", 0)
    found = target.to_pyarrow_table(columns=wanted.column_names).sort_by("kafka_offset")
    assert found.to_pylist() == wanted.to_pylist()


@pytest.mark.parametrize("conversation", IDS, ids=range(len(IDS)))
def test_a_reader_that_skips_files_by_statistics_finds_every_row(lake, target, conversation):
    for version, part in enumerate((IDS[:3], IDS[3:5], IDS[5:], [conversation])):
        commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(part)), "query", version)
    assert ids_in(target, conversation_id=conversation) == [conversation] * 2
    query = f"SELECT count(*) AS n FROM t WHERE conversation_id = '{conversation}'"
    assert pa.table(QueryBuilder().register("t", target).execute(query))["n"].to_pylist() == [2]


@pytest.mark.parametrize("microsecond", [0, 1, 999, 1000, 999_999])
def test_a_reader_finds_a_time_to_the_microsecond(lake, target, microsecond):
    at = AT.replace(microsecond=microsecond)
    commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"], [at])), "query", 0)
    assert ids_in(target, timestamp=pa.scalar(at, pa.timestamp("us", tz="UTC"))) == ["a"]
    query = f"SELECT count(*) AS n FROM t WHERE timestamp = TIMESTAMP '{at.isoformat()}'"
    assert pa.table(QueryBuilder().register("t", target).execute(query))["n"].to_pylist() == [1]


def test_files_without_the_value_are_skipped(lake, target):
    for version, conversation in enumerate((LONG, "a", "b")):
        commit(target, write_files(lake, LAKE_CONVERSATIONS, rows([conversation])), "query", version)
    fragments = target.to_pyarrow_dataset().get_fragments(filter=ds.field("conversation_id") == "a")
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


def test_tables_are_created_once_and_left_as_they_are(lake, target):
    commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(["a"])), "query", 0)
    create_tables(lake, LAKE_TABLES)
    assert count_rows(open_table(lake, LAKE_CONVERSATIONS.name)) == 1


def test_a_table_that_is_missing_is_named(tmp_path):
    with pytest.raises(StoreError, match=rf"cannot open the lake table {tmp_path}/conversations: "):
        open_table(Lake(str(tmp_path)), "conversations")


def test_a_lake_has_one_place_under_three_names(tmp_path):
    assert Lake(f"file://{tmp_path}").uri("t") == Lake(f"file:{tmp_path}").uri("t") == f"{tmp_path}/t"
    remote = Lake("s3a://bucket/prefix", {"AWS_REGION": "r", "AWS_SECRET_ACCESS_KEY": "hunter2"})
    assert (remote.uri("t"), remote.spark_uri("t")) == ("s3://bucket/prefix/t", "s3a://bucket/prefix/t")
    assert "hunter2" not in repr(remote)
