"""The embedded ClickHouse behind its HTTP protocol, spoken to by clickhouse-connect."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from helix_pipeline.local.clickhouse_http.compression import decode_blocks, encode_blocks

pytestmark = pytest.mark.servers
PASSWORD = "open-sesame"
ROWS = 70_000  # more than one block of the native format, so more than one compressed frame


def start_server(path: Path, port: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "helix_pipeline.local.clickhouse_http",
        "--path",
        str(path),
        "--port",
        str(port),
    ]
    child = subprocess.Popen(command, env={**os.environ, "CLICKHOUSE_PASSWORD": PASSWORD}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return child
        except OSError:
            assert child.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    chosen = free_port()
    child = start_server(tmp_path_factory.mktemp("clickhouse"), chosen)
    yield chosen
    child.terminate()
    child.wait(20)


def connect(port: int, **options: Any) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, password=PASSWORD, **options)


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    """A client without a session, in a database of its own."""
    with connect(port, autogenerate_session_id=False) as connection:
        connection.command("DROP DATABASE IF EXISTS lab SYNC")
        connection.command("CREATE DATABASE lab")
        connection.database = "lab"
        connection.command("CREATE TABLE t (id UInt64, k LowCardinality(String), v Nullable(Float64)) ORDER BY id")
        yield connection


def request(port: int, target: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """A request made by hand; options in the URL, user and password added."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", target, body, {"X-ClickHouse-User": "default", "X-ClickHouse-Key": PASSWORD, **named})
    response = connection.getresponse()
    answer = response.status, response.read(), dict(response.getheaders())
    connection.close()
    return answer


def wait_until_running(port: int, statement: str) -> None:
    count = f"SELECT count() FROM system.processes WHERE query = '{statement}'".encode()
    deadline = time.monotonic() + 10
    while request(port, "/", count)[1] != b"1\n":
        assert time.monotonic() < deadline, f"{statement} does not run"
        time.sleep(0.02)


@pytest.mark.parametrize("compress", [False, True, "lz4", "zstd", "gzip"])
def test_native_rows_come_back_as_they_went_in(port: int, client: Client, compress: bool | str) -> None:
    rows = [(i, f"k{i % 7}", None if i % 5 == 0 else i / 2) for i in range(ROWS)]
    with connect(port, compress=compress, database="lab", autogenerate_session_id=False) as other:
        summary = other.insert("t", rows, column_names=["id", "k", "v"])
        assert summary.written_rows == ROWS
        assert other.query("SELECT * FROM t ORDER BY id").result_rows == rows


def test_arrow_rows_come_back_as_they_went_in(client: Client) -> None:
    table = pa.table({"id": pa.array(range(ROWS), pa.uint64()), "k": ["é\t'"] * ROWS, "v": [1.5] * ROWS})
    client.insert_arrow("t", table)
    back = client.query_arrow("SELECT * FROM t ORDER BY id", use_strings=True)
    assert back.column("id").to_pylist() == list(range(ROWS))
    assert set(back.column("k").to_pylist()) == {"é\t'"}


@pytest.mark.parametrize(
    ("fmt", "data"),
    [("JSONEachRow", '{"id":1,"k":"FORMAT x"}\n{"id":2,"k":"b"}'), ("TSV", "1\tFORMAT x\t\\N\n2\tb\t3\n")],
)
def test_text_formats_are_inserted(client: Client, fmt: str, data: str) -> None:
    client.raw_insert("t", ["id", "k"] if fmt == "JSONEachRow" else None, data, fmt=fmt)
    assert client.query("SELECT id, k FROM t ORDER BY id").result_rows == [(1, "FORMAT x"), (2, "b")]


def test_values_that_look_like_a_format_are_values(client: Client) -> None:
    client.command("INSERT INTO t (id, k) VALUES (1, 'x FORMAT TSV')")
    client.command("INSERT INTO t (id, k) SELECT number, 'FORMAT' FROM numbers(3)")
    assert client.query("SELECT count(), countIf(k = 'x FORMAT TSV') FROM t").result_rows == [(4, 1)]


def test_parameters_are_bound(client: Client) -> None:
    nasty = "it's a \\ 'test'\twith\nlines"
    found = client.query("SELECT {a:String}, {b:Array(UInt8)}", parameters={"a": nasty, "b": [1, 2]}).result_rows
    assert found == [(nasty, [1, 2])]


def test_long_parameters_arrive_as_a_form(client: Client) -> None:
    ids = [f"message-{i:08d}" for i in range(5_000)]
    found = client.query("SELECT length({ids:Array(String)}), {ids:Array(String)}[-1]", parameters={"ids": ids})
    assert found.result_rows == [(5_000, ids[-1])]


def test_settings_hold_for_one_statement_only(client: Client) -> None:
    asked = "SELECT getSetting('max_threads'), getSetting('insert_deduplication_token')"
    before = client.query(asked).result_rows
    during = client.query(asked, settings={"max_threads": 7, "insert_deduplication_token": "it's"}).result_rows
    assert during == [(7, "it's")]
    assert client.query(asked).result_rows == before


def test_settings_of_a_statement_do_not_outlive_it_in_a_session_either(port: int, client: Client) -> None:
    with connect(port, session_id="s1") as session:
        default = session.query("SELECT getSetting('max_block_size')").result_rows
        session.command("SET max_threads = 5")
        seven = session.query("SELECT getSetting('max_threads')", settings={"max_threads": 7, "max_block_size": 99})
        assert seven.result_rows == [(7,)]
        assert session.query("SELECT getSetting('max_threads')").result_rows == [(5,)]
        assert session.query("SELECT getSetting('max_block_size')").result_rows == default
    assert client.query("SELECT getSetting('max_threads')").result_rows != [(5,)]


def test_a_refused_setting_leaves_nothing_behind(port: int, client: Client) -> None:
    with connect(port, session_id="s2") as session:
        target = "/?session_id=s2&max_threads=9&no_such_setting=1"
        status, text, headers = request(port, target, b"SELECT 1")
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (404, "115")
        assert b"no_such_setting" in text
        assert session.query("SELECT getSetting('max_threads')").result_rows != [(9,)]


def test_a_session_keeps_temporary_tables_and_database(port: int, client: Client) -> None:
    with connect(port, session_id="s3") as session:
        session.command("CREATE TEMPORARY TABLE scratch (a Int32)")
        session.command("INSERT INTO scratch VALUES (1)")
        assert session.query("SELECT a FROM scratch").result_rows == [(1,)]
    with pytest.raises(DatabaseError, match="scratch"):
        client.query("SELECT a FROM scratch")


def test_a_session_that_must_exist_does(port: int) -> None:
    status, _, headers = request(port, "/?session_id=nobody&session_check=1", b"SELECT 1")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (404, "372")


def test_a_session_in_use_is_locked(port: int) -> None:
    slow = threading.Thread(target=request, args=(port, "/?session_id=s4", b"SELECT sleep(1.25)"))
    slow.start()
    wait_until_running(port, "SELECT sleep(1.25)")
    assert request(port, "/?session_id=s4", b"SELECT 1")[2]["X-ClickHouse-Exception-Code"] == "373"
    slow.join()
    assert request(port, "/?session_id=s4", b"SELECT 1")[0] == 200


def test_a_deduplication_token_counts_once_also_through_a_view(client: Client) -> None:
    window = "SETTINGS non_replicated_deduplication_window = 1000"
    client.command(f"CREATE TABLE src (id UInt64, k String) ENGINE = MergeTree ORDER BY id {window}")
    client.command(f"CREATE TABLE agg (k String, n UInt64) ENGINE = SummingMergeTree ORDER BY k {window}")
    client.command("CREATE MATERIALIZED VIEW mv TO agg AS SELECT k, count() AS n FROM src GROUP BY k")
    rows = pa.table({"id": pa.array(range(1_000), pa.uint64()), "k": ["a", "b"] * 500})
    settings = {"insert_deduplicate": 1, "deduplicate_blocks_in_dependent_materialized_views": 1}
    for token in ("batch-1", "batch-1", "batch-2", "batch-1"):
        client.insert_arrow("src", rows, settings={**settings, "insert_deduplication_token": token})
    assert client.query("SELECT count() FROM src").result_rows == [(2_000,)]
    assert client.query("SELECT k, sum(n) FROM agg GROUP BY k ORDER BY k").result_rows == [
        ("a", 1_000),
        ("b", 1_000),
    ]


def test_inserts_and_queries_run_side_by_side(port: int, client: Client) -> None:
    problems: list[str] = []

    def work(worker: int) -> None:
        try:
            with connect(port, database="lab", autogenerate_session_id=False) as mine:
                for turn in range(10):
                    mine.insert("t", [(worker * 100 + turn, "p", 1.0)] * 50, column_names=["id", "k", "v"])
                    mine.query("SELECT k, sum(v) FROM t GROUP BY k")
        except ClickHouseError as error:
            problems.append(str(error))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert problems == []
    assert client.query("SELECT count(), uniqExact(id) FROM t").result_rows == [(4_000, 80)]


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        (b"SELEC 1", 400, "62"),
        (b"SELECT * FROM nowhere", 404, "60"),
        (b"SELECT nothing", 404, "47"),
        (b"SELECT throwIf(1)", 500, "395"),
        (b"INSERT INTO nowhere FORMAT TSV\n1\n", 404, "60"),
        (b"SELECT '\xff\xfe'", 400, "62"),
    ],
)
def test_errors_carry_clickhouses_code_and_status(port: int, statement: bytes, status: int, code: str) -> None:
    got, text, headers = request(port, "/", statement)
    assert (got, headers.get("X-ClickHouse-Exception-Code")) == (status, code)
    assert text.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert text.count(b"(version ") == 1


def test_a_broken_insert_leaves_no_rows_and_a_usable_server(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("t", None, "1\ta\t1\nnot a number\tb\t2\n", fmt="TSV")
    assert str(caught.value).count("(version ") == 1
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


def test_a_wrong_password_is_refused(port: int) -> None:
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(host="127.0.0.1", port=port, password="wrong")
    assert request(port, "/?query=SELECT+1", X_ClickHouse_Key="wrong")[0] == 403


def test_ping_needs_no_password(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"Ok.\n"


def test_a_body_over_the_limit_is_refused_unread(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("POST", "/?query=SELECT+1")
    connection.putheader("Content-Length", str(2 << 30))
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.getheader("X-ClickHouse-Exception-Code")) == (413, "307")


def test_native_blocks_go_both_ways(port: int, client: Client) -> None:
    rows = b"".join(b"%d\tk\t1\n" % i for i in range(300_000))
    insert = quote("INSERT INTO lab.t FORMAT TSV")
    assert request(port, f"/?decompress=1&query={insert}", encode_blocks(rows))[0] == 200
    status, body, _ = request(port, "/?compress=1", b"SELECT id FROM lab.t ORDER BY id FORMAT TSV")
    assert status == 200
    assert decode_blocks(body, 1 << 30) == b"".join(b"%d\n" % i for i in range(300_000))
    assert len(body) < len(rows) // 2


def test_term_ends_the_server_cleanly_and_the_rows_stay(tmp_path: Path) -> None:
    port = free_port()
    child = start_server(tmp_path, port)
    assert request(port, "/", b"CREATE TABLE kept ORDER BY a AS SELECT 42 AS a")[0] == 200
    answers: list[bytes] = []
    running = threading.Thread(target=lambda: answers.append(request(port, "/", b"SELECT sleep(1.5)")[1]))
    running.start()
    wait_until_running(port, "SELECT sleep(1.5)")
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    running.join(20)
    assert answers == [b"0\n"], "a running statement is answered first"
    again = start_server(tmp_path, port)
    assert request(port, "/", b"SELECT a FROM kept")[1] == b"42\n"
    again.kill()
    again.wait(20)
    third = start_server(tmp_path, port)
    assert request(port, "/", b"SELECT a FROM kept")[1] == b"42\n"
    third.terminate()
    assert third.wait(20) == 0
