"""Free queries on the real server: honest ones are answered; none reads a file, opens a socket or runs on."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog
from analytics_attacks import HARMLESS, HEAVY
from analytics_honest import BOUND, PLAIN, REQUIRED
from clickhouse_connect.driver.client import Client

from helix_pipeline.domain.analytics.functions import is_allowed, listed
from helix_pipeline.domain.analytics.readonly import CheckedQuery, bound, checked
from helix_pipeline.errors import HelixError, StoreError
from helix_pipeline.services.analytics import query as service
from helix_pipeline.settings import Settings
from helix_pipeline.stores.analyst import Found, QueryLimitError, QueryLimits, WrongQueryError, ask, patient
from helix_pipeline.stores.warehouse import Warehouse, client, open_warehouse

pytestmark = pytest.mark.servers

LIMITS = QueryLimits(seconds=2.0, rows_read=100_000_000, memory_bytes=512 << 20, threads=2)
SLACK_S = 3.0
"""Seconds over its limit after which a query has escaped it: others may have the processors."""

TABLES = service.TABLES | {"big"}
MADE = {
    "big": "event_id String, timestamp DateTime64(6, 'UTC'), metadata String, kafka_partition Int32,"
    " kafka_offset Int64",
}


SOURCE = re.compile(r"(JOIN TREE|TABLE EXPRESSION)\n\s+IDENTIFIER id: \d+,(?: alias: \w+,)? identifier: ([^\s,]+)")
OPERATORS = {"in", "notIn", "CAST", "_CAST", "exists", "caseWithExpression"}
"""How ClickHouse calls what is written as operators, where that is no allowed function."""


@pytest.fixture(scope="module")
def warehouse(settings: Settings) -> Iterator[Warehouse]:
    """The session's warehouse with a table of 100,000 rows."""
    house = open_warehouse(settings)
    with client(house) as connection:
        for name, columns in MADE.items():
            connection.command(f"CREATE TABLE IF NOT EXISTS {name} ({columns}) ENGINE = MergeTree ORDER BY timestamp")
        connection.command(
            "INSERT INTO big SELECT hex(sipHash64(number)), fromUnixTimestamp64Micro(toInt64(number), 'UTC'),"
            " repeat('ab', 50), number % 2, number FROM numbers(100000)"
        )
        yield house
        for name in MADE:
            connection.command(f"DROP TABLE {name}")


@pytest.fixture
def analyst(warehouse: Warehouse) -> Iterator[Client]:
    with client(patient(warehouse, LIMITS)) as connection:
        yield connection


def run(analyst: Client, sql: str, tables: Set[str] = TABLES, limit: int = 1000, **values: Any) -> Found:
    query = checked(sql, str(analyst.database), tables, limit)
    return ask(analyst, query, bound(query, values), LIMITS)


def unchecked(analyst: Client, sql: str) -> Found:
    """Send a text that no check has seen: what the server's own settings refuse."""
    return ask(analyst, CheckedQuery(sql, 1000, {}), {}, LIMITS)


@pytest.mark.parametrize("sql", PLAIN + REQUIRED)
def test_an_honest_query_is_answered(analyst: Client, sql: str) -> None:
    found = run(analyst, sql)
    assert len(found.columns) == len(found.types) > 0
    assert all(len(row) == len(found.columns) for row in found.rows)
    json.dumps(found.rows, allow_nan=False)


@pytest.mark.parametrize(("sql", "values"), BOUND)
def test_parameters_are_bound_by_the_server(analyst: Client, sql: str, values: dict[str, Any]) -> None:
    assert len(run(analyst, sql, **values).rows) == 1


@pytest.mark.parametrize("text", ["'", "\\", "' OR 1 --", "{x:String}", "\t\n%s", "ü\u200b🙂", "\\'", "\\N", ""])
def test_a_text_arrives_as_it_was_given(analyst: Client, text: str) -> None:
    assert run(analyst, "SELECT {text:String} AS a", text=text).rows == [[text]]


@pytest.mark.parametrize("text", ["'", "\\", "' OR 1 --", "{x:String}", "%s", "ü", "\\'", '"`', "a\\nb"])
def test_a_literal_arrives_as_it_was_written(analyst: Client, text: str) -> None:
    written = text.replace("\\", "\\\\").replace("'", "\\'")
    assert run(analyst, f"SELECT '{written}' AS a").rows == [[text]]


def test_values_are_those_of_json(analyst: Client) -> None:
    found = run(
        analyst,
        "SELECT 0 / 0, 1 / 0, toDecimal64(1.5, 2), toDateTime64('2026-06-01 12:00:00.5', 1, 'UTC'), [1, 2], (1, 'x'),"
        " map('k', [1]), NULL, true, toUInt64(18446744073709551615), toDate('2026-06-01'), unhex('FF')",
    )
    (row,) = found.rows
    assert row[:4] == [None, None, "1.5", "2026-06-01T12:00:00.5Z"]
    assert row[4:] == [[1, 2], [1, "x"], {"k": [1]}, None, True, 18446744073709551615, "2026-06-01", "\ufffd"]
    assert found.types[:4] == ("Float64", "Float64", "Decimal(18, 2)", "DateTime64(1, 'UTC')")


def test_sums_are_read_and_their_states_are_text(analyst: Client, warehouse: Warehouse) -> None:
    with client(warehouse) as connection:
        connection.command(
            "INSERT INTO usage_stats (timestamp, route, method, status, duration_ms)"
            " SELECT now(), '/sums', 'GET', 200, number FROM numbers(101)"
        )
        sql = "SELECT sum(requests), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(duration)[2] FROM usage_stats_minutely"
        (found,) = run(analyst, f"{sql} WHERE route = '/sums'").rows
        assert found == [101, pytest.approx(95, rel=0.02)]
        assert json.dumps(run(analyst, "SELECT * FROM usage_stats_minutely WHERE route = '/sums'").rows)
        for table in ("usage_stats", "usage_stats_minutely"):
            connection.command(f"ALTER TABLE {table} DELETE WHERE route = '/sums' SETTINGS mutations_sync = 1")


def test_rows_over_the_limit_are_cut_and_said(analyst: Client) -> None:
    found = run(analyst, "SELECT kafka_offset FROM big ORDER BY kafka_offset", limit=3)
    assert (found.rows, found.truncated) == ([[0], [1], [2]], True)
    found = run(analyst, "SELECT kafka_offset FROM big ORDER BY kafka_offset LIMIT 3", limit=3)
    assert (found.rows, found.truncated) == ([[0], [1], [2]], False)
    found = run(analyst, "SELECT kafka_offset FROM big UNION ALL SELECT kafka_offset FROM big LIMIT 2", limit=5)
    assert (len(found.rows), found.truncated) == (5, True)
    assert run(analyst, "SELECT max(kafka_offset) FROM big").rows_read > 0


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_looks_like_an_attack_reads_nothing_else(analyst: Client, sql: str) -> None:
    try:
        found = run(analyst, sql)
    except WrongQueryError as error:
        assert "system.tables" in str(error)
    else:
        assert len(found.rows) <= 1


@pytest.mark.parametrize("sql", HEAVY)
def test_the_server_stops_at_its_limit_and_is_free_again(analyst: Client, sql: str) -> None:
    begin = time.monotonic()
    with suppress(QueryLimitError):
        assert len(run(analyst, sql.replace("{big}", "big")).rows) <= 1000
    assert time.monotonic() - begin < LIMITS.seconds + SLACK_S
    begin = time.monotonic()
    assert run(analyst, "SELECT count() FROM big").rows == [[100_000]]
    assert time.monotonic() - begin < SLACK_S


@pytest.mark.parametrize("sql", (*PLAIN, *REQUIRED, *HARMLESS))
def test_clickhouse_reads_in_what_is_sent_no_table_and_no_function_but_the_allowed_ones(
    warehouse: Warehouse, sql: str
) -> None:
    query = checked(sql, warehouse.database, TABLES)
    with client(warehouse) as connection:
        lines = connection.query(f"EXPLAIN QUERY TREE run_passes = 0 {query.sql}").result_rows
    tree = "\n".join(line for (line,) in lines)
    made = {"system.one", *re.findall(r"cte_name: (\S+)", tree)}  # system.one: a SELECT without FROM
    assert {name for _, name in SOURCE.findall(tree)} <= made | {f"{warehouse.database}.{name}" for name in TABLES}
    assert "TABLE_FUNCTION" not in tree
    called = set(re.findall(r"function_name: (\w+)", tree))
    assert {name for name in called if not is_allowed(name)} <= OPERATORS


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port that notes who connects."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    seen.append(peer.recv(100))

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "source",
    [
        "url('http://127.0.0.1:{port}/x', 'LineAsString')",
        "s3('http://127.0.0.1:{port}/bucket/x', 'LineAsString')",
        "remote('127.0.0.1:{port}', 'system.one')",
        "mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
        "postgresql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
        "deltaLake('http://127.0.0.1:{port}/bucket/x')",
    ],
)
def test_the_server_opens_no_socket_even_for_what_was_not_checked(analyst: Client, source: str) -> None:
    with listener() as (port, seen):
        sql = f"SELECT * FROM {source.format(port=port)}"
        with pytest.raises(HelixError):
            run(analyst, sql)
        with pytest.raises(HelixError, match=r"readonly|not supported|Unknown table function"):
            unchecked(analyst, sql)
        assert seen == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "INSERT INTO big (event_id) SELECT 'x'",
        "CREATE TABLE x (a Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE x (a Int8)",
        "DROP TABLE big",
        "ALTER TABLE big DELETE WHERE 1",
        "TRUNCATE TABLE big",
        "SELECT 1 SETTINGS max_execution_time = 100",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
def test_the_server_refuses_to_write_even_what_was_not_checked(analyst: Client, sql: str) -> None:
    with pytest.raises(WrongQueryError, match="readonly"):
        unchecked(analyst, sql)
    assert run(analyst, "SELECT count() FROM big").rows == [[100_000]]


def test_a_free_query_says_in_the_log_of_the_server_what_it_is(analyst: Client) -> None:
    assert unchecked(analyst, "SELECT getSetting('log_comment')").rows == [["helix:analytics-query"]]
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        asked = unchecked(analyst, "SELECT getSetting('log_comment')").rows
    assert asked == [["helix:analytics-query request_id=r1"]]


@pytest.mark.parametrize(
    ("limit", "sql", "said"),
    [
        ({"rows_read": 1_000}, "SELECT max(metadata) FROM big", "rows"),
        ({"memory_bytes": 8 << 20}, "SELECT groupArray(concat(event_id, metadata)) FROM big", "memory"),
        ({"seconds": 0.2}, "SELECT max(sipHash64(a.event_id, b.event_id)) FROM big AS a, big AS b", "Timeout"),
        ({}, "SELECT repeat(metadata, 100) FROM big", "result"),
    ],
)
def test_each_limit_is_kept_by_the_server(analyst: Client, limit: dict[str, Any], sql: str, said: str) -> None:
    query = CheckedQuery(sql, 10_000, {})
    with pytest.raises(QueryLimitError, match=rf"needs more than is allowed: .*{said}"):
        ask(analyst, query, {}, replace(LIMITS, **limit))


def test_errors_are_one_line_and_say_what_is_wrong(analyst: Client, warehouse: Warehouse) -> None:
    with pytest.raises(WrongQueryError, match=r"^ClickHouse refuses the query: .*no_such_column[^\n]*$") as found:
        run(analyst, "SELECT no_such_column FROM big")
    assert "version" not in str(found.value)
    with pytest.raises(WrongQueryError, match="abc"):
        run(analyst, "SELECT {n:UInt32}", n="abc")
    with pytest.raises(QueryLimitError, match="needs more than is allowed: Timeout exceeded"):
        run(analyst, "SELECT max(sipHash64(a.event_id, b.event_id, c.event_id)) FROM big AS a, big AS b, big AS c")
    away = Warehouse("127.0.0.1", 1, "helixagent", "default", "", False, 1.0)
    with pytest.raises(StoreError, match="does not answer"), client(away):
        pass


def test_every_listed_function_is_there_and_none_is_a_table_function(warehouse: Warehouse) -> None:
    with client(warehouse) as connection:
        there = connection.query("SELECT name, is_aggregate, case_insensitive FROM system.functions").result_rows
        sources = {row[0].lower() for row in connection.query("SELECT name FROM system.table_functions").result_rows}
    exact, folded = {row[0] for row in there}, {row[0].lower() for row in there if row[2]}
    spelt = {
        "dateAdd",
        "dateSub",
        "date_add",
        "date_sub",
        "timestampAdd",
        "timestampSub",
        "timestamp_add",
        "timestamp_sub",
    }
    assert {name for name in listed() if name not in exact and name.lower() not in folded} <= spelt
    assert {name for name in listed() if name.lower() in sources} == set()
    aggregates = {row[0] for row in there if row[1]} | {row[0].lower() for row in there if row[1] and row[2]}
    assert {
        name for name, group in listed().items() if group == "aggregate" and not {name, name.lower()} & aggregates
    } == set()
