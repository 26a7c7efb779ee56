"""The four real servers: up, status, killed and up again with their data, external ones left alone, down."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import neo4j
import psutil
import psycopg
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from ports import PORT_KEYS, free_ports

from helix_pipeline.errors import ServerError
from helix_pipeline.local import servers
from helix_pipeline.settings import Settings, load

pytestmark = pytest.mark.servers
SECRETS = {"clickhouse.password": "open-sesame", "neo4j.password": "abracadabra"}
ALL = ["kafka", "clickhouse", "neo4j", "postgres"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home with four servers up; everything of it is gone afterwards."""
    home = tmp_path_factory.mktemp("home")
    ports = dict(zip(PORT_KEYS, free_ports(len(PORT_KEYS)), strict=True))
    chosen = load(environ={}, flags={"home": home, **ports, **SECRETS})
    try:
        servers.up(chosen)
        yield chosen
    finally:
        servers.down(chosen)
        location = home / "postgres" / "location"
        if location.exists():
            shutil.rmtree(Path(location.read_text().strip()).parent)


def states(found: list[servers.ServerStatus]) -> dict[str, str]:
    return {server.name: server.state for server in found}


def write_everywhere(settings: Settings) -> None:
    """One fact per store, acknowledged by it."""
    admin = AdminClient({"bootstrap.servers": settings.kafka.address})
    admin.create_topics([NewTopic("facts", 1, 1)])["facts"].result(30)
    producer = Producer({"bootstrap.servers": settings.kafka.address, "acks": "all"})
    producer.produce("facts", b"kept")
    assert producer.flush(30) == 0
    with warehouse(settings) as client:
        client.command("CREATE TABLE facts ENGINE = MergeTree ORDER BY fact AS SELECT 'kept' AS fact")
    with graph(settings) as driver:
        driver.execute_query("CREATE (:Fact {value: 'kept'})")
    with psycopg.connect(settings.postgres.address, connect_timeout=10) as connection:
        connection.execute("CREATE TABLE facts AS SELECT 'kept'::text AS fact")


def warehouse(settings: Settings) -> Client:
    host, port = settings.clickhouse.address
    password = settings.clickhouse.password.get_secret_value()
    return clickhouse_connect.get_client(host=host, port=port, password=password, autogenerate_session_id=False)


def graph(settings: Settings) -> neo4j.Driver:
    password = settings.neo4j.password.get_secret_value()
    return neo4j.GraphDatabase.driver(settings.neo4j.address, auth=("neo4j", password), connection_timeout=10)


def read_everywhere(settings: Settings) -> dict[str, object]:
    consumer = Consumer({"bootstrap.servers": settings.kafka.address, "group.id": "test"})
    consumer.assign([TopicPartition("facts", 0, 0)])
    message = consumer.poll(30)
    assert message is not None
    consumer.close()
    with warehouse(settings) as client:
        row = client.query("SELECT fact FROM facts").result_rows
    with graph(settings) as driver:
        records = driver.execute_query("MATCH (f:Fact) RETURN f.value AS value").records
    with psycopg.connect(settings.postgres.address, connect_timeout=10) as connection:
        facts = connection.execute("SELECT fact FROM facts").fetchall()
    return {
        "kafka": message.value(),
        "clickhouse": row,
        "neo4j": [r["value"] for r in records],
        "postgres": facts,
    }


def test_status_shows_what_runs(settings: Settings) -> None:
    found = {server.name: server for server in servers.status(settings)}
    assert list(found) == ALL
    for server in found.values():
        assert server.state == "running", server
        assert server.version[0].isdigit(), server
        assert server.pid is not None and psutil.pid_exists(server.pid), server
        assert server.memory_mb is not None and server.memory_mb > 10, server
        assert Path(server.log).is_file(), server


def test_servers_listen_on_loopback_only(settings: Settings) -> None:
    for server in servers.status(settings):
        assert server.pid is not None
        listening = [c.laddr.ip for c in psutil.Process(server.pid).net_connections("tcp") if c.status == "LISTEN"]
        assert listening
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}, server.name


def test_no_password_is_in_the_process_list(settings: Settings) -> None:
    pids = [server.pid for server in servers.status(settings)]
    commands = [" ".join(psutil.Process(pid).cmdline()) for pid in pids]
    assert all(commands)
    assert not [secret for secret in SECRETS.values() if any(secret in command for command in commands)]


def test_up_again_starts_nothing(settings: Settings) -> None:
    before = {server.name: server.pid for server in servers.status(settings)}
    said: list[str] = []
    after = servers.up(settings, progress=lambda name, doing: said.append(doing))
    assert {server.name: server.pid for server in after} == before
    assert "starting" not in said


def test_a_killed_server_is_seen_and_comes_back_with_its_data(settings: Settings) -> None:
    write_everywhere(settings)
    before = {server.name: server.pid for server in servers.status(settings)}
    for pid in before.values():
        assert pid is not None
        psutil.Process(pid).send_signal(signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert "running" not in states(servers.status(settings)).values()
    after = servers.up(settings)
    assert states(after) == dict.fromkeys(ALL, "running")
    assert all(server.pid != before[server.name] for server in after)
    assert read_everywhere(settings) == {
        "kafka": b"kept",
        "clickhouse": [("kept",)],
        "neo4j": ["kept"],
        "postgres": [("kept",)],
    }


def test_topics_are_not_made_by_a_typing_error(settings: Settings) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.address, "message.timeout.ms": 3000})
    producer.produce("no-such-topic", b"x")
    producer.flush(10)
    assert (
        "no-such-topic" not in AdminClient({"bootstrap.servers": settings.kafka.address}).list_topics(timeout=10).topics
    )


def test_postgres_keeps_what_it_acknowledged(settings: Settings) -> None:
    with psycopg.connect(settings.postgres.address, connect_timeout=10) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")]
    assert shown == [("on",), ("on",)]


def test_configured_addresses_are_used_and_nothing_is_started(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    host, port = settings.clickhouse.address
    own = load(
        environ={
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.address,
            "CLICKHOUSE_HOST": host,
            "CLICKHOUSE_PORT": str(port),
            "NEO4J_URI": settings.neo4j.address,
            "DATABASE_URL": settings.postgres.address,
        },
        flags={"home": tmp_path, **SECRETS},
    )
    request.addfinalizer(lambda: servers.down(own))
    assert states(servers.up(own)) == dict.fromkeys(ALL, "external")
    assert states(servers.down(own)) == dict.fromkeys(ALL, "external")
    assert states(servers.status(settings)) == dict.fromkeys(ALL, "running")
    assert not (tmp_path / "run").exists()


def test_a_wrong_password_is_one_line_that_names_the_variable(settings: Settings, tmp_path: Path) -> None:
    flags = {"home": tmp_path, "neo4j.uri": settings.neo4j.address, "neo4j.password": "not-the-password"}
    wrong = load(environ={}, flags=flags)
    with pytest.raises(ServerError, match=r"^neo4j at bolt://.* refuses user neo4j with NEO4J_PASSWORD$"):
        servers.up(wrong, ["neo4j"])


def test_a_server_that_ends_while_starting_shows_its_log(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    broken = load(environ={}, flags={"home": tmp_path, "clickhouse.port": free_ports(1)[0]})
    request.addfinalizer(lambda: servers.down(broken))
    (tmp_path / "clickhouse").symlink_to("/proc")  # a folder that nobody can write to
    with pytest.raises(ServerError) as caught:
        servers.up(broken, ["clickhouse"])
    assert "clickhouse ended while starting" in str(caught.value)
    assert str(tmp_path / "logs" / "clickhouse.log") in str(caught.value)


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blocked = load(environ={}, flags={"home": tmp_path / "file" / "home"})
    with pytest.raises(ServerError, match=f"cannot write to {tmp_path}/file/home: Not a directory"):
        servers.up(blocked, ["clickhouse"])


def test_the_command_line_shows_the_same(settings: Settings) -> None:
    script = "from helix_pipeline.cli import main; main()"
    environment = {
        "CLICKHOUSE_PASSWORD": SECRETS["clickhouse.password"],
        "HELIX_HOME": str(settings.home),
        "CLICKHOUSE_PORT": str(settings.clickhouse.port),
        "PATH": "/usr/bin",
    }
    command = [sys.executable, "-c", script, "status", "clickhouse", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    (shown,) = json.loads(done.stdout)["servers"]
    assert (shown["name"], shown["state"]) == ("clickhouse", "running")


def test_down_stops_all_and_leaves_no_process(settings: Settings) -> None:
    running = [psutil.Process(server.pid) for server in servers.status(settings) if server.pid]
    assert len(running) == len(ALL)
    assert states(servers.down(settings)) == dict.fromkeys(ALL, "stopped")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in running)
