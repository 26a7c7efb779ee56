"""A ClickHouse that is away, without any server: what is said of it is one line, with what to do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ports import free_ports

from helix_pipeline.errors import SettingsError, StoreError
from helix_pipeline.settings import load
from helix_pipeline.stores.warehouse import Warehouse

HINT = "start it with `helix up`, or set CLICKHOUSE_HOST and CLICKHOUSE_PORT"


def helix(home: Path, port: int, *arguments: str) -> str:
    """What a command that fails says on stderr, where nothing listens at the port."""
    command = [sys.executable, "-m", "helix_pipeline.cli", *arguments]
    environment = {**os.environ, "HELIX_HOME": str(home), "CLICKHOUSE_PORT": str(port)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_a_command_says_it_in_one_line(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    said = helix(tmp_path, port, "migrate", "--dry-run")
    assert said == f"helix: ClickHouse at 127.0.0.1:{port} does not answer (Connection refused): {HINT}\n"


def test_where_the_lake_cannot_stand_in_both_reasons_are_said(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    said = helix(tmp_path, port, "analytics", "trends", "--json")
    assert said.startswith(f"helix: ClickHouse at 127.0.0.1:{port} does not answer (Connection refused): {HINT}; ")
    assert f"in its place: cannot open the lake table {tmp_path}/lake/conversations" in said
    assert said.count("\n") == 1


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StoreError, match=rf"^ClickHouse at 127\.0\.0\.1:{port} does not answer \(timed out\): s"):
            Warehouse("127.0.0.1", port, "helixagent", "default", "", False, 1).connect()


def test_seconds_that_the_driver_would_cut_to_none_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"clickhouse\.timeout_s"):
        load(environ={}, flags={"clickhouse.timeout_s": 0.5})
