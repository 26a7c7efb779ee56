"""A port in use is told with the process that holds it and the variable that chooses another."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from helix_pipeline.errors import ServerError, UsageError
from helix_pipeline.local import servers
from helix_pipeline.local.ports import listener
from helix_pipeline.settings import Settings, load


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that this test process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def settings_for(home: Path, port: int) -> Settings:
    return load(environ={}, flags={"home": home, "clickhouse.port": port})


def test_the_listener_of_a_port_is_found(taken_port: int) -> None:
    found = listener(taken_port)
    assert found is not None
    assert found.pid == os.getpid()


def test_a_free_port_has_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert listener(port) is None


def test_up_names_the_foreign_process_and_the_variable(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(ServerError) as caught:
        servers.up(settings_for(tmp_path, taken_port), ["clickhouse"])
    said = str(caught.value)
    assert f"port {taken_port} is taken by" in said
    assert f"(pid {os.getpid()})" in said
    assert "CLICKHOUSE_PORT" in said
    assert "\n" not in said


def test_status_and_down_leave_a_foreign_process_alone(tmp_path: Path, taken_port: int) -> None:
    settings = settings_for(tmp_path, taken_port)
    (before,) = servers.status(settings, ["clickhouse"])
    (after,) = servers.down(settings, ["clickhouse"])
    assert (before.state, before.pid) == ("foreign", os.getpid())
    assert after == before


def test_an_unknown_server_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no server is named oracle; there are kafka, clickhouse, neo4j, postgres"):
        servers.status(settings_for(tmp_path, 1), ["kafka", "oracle"])


def test_a_configured_address_that_does_not_answer_is_unreachable(tmp_path: Path, taken_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    settings = load(environ={}, flags={"home": tmp_path, "clickhouse.host": "127.0.0.1", "clickhouse.port": free})
    (found,) = servers.status(settings, ["clickhouse"])
    assert (found.state, found.pid) == ("unreachable", None)
    assert str(free) in found.address
