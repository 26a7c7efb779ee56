"""Fixtures: settings whose servers run for the whole session, a clean slate on them, and a Spark session."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helix_pipeline.settings import Settings, load

PORTS = (
    "kafka.port",
    "kafka.controller_port",
    "neo4j.port",
    "neo4j.http_port",
    "clickhouse.port",
    "postgres.port",
)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set HELIX_DATA")
    return folder


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on; all are held open until the last is found."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with Kafka, ClickHouse, Neo4j and PostgreSQL running, topics, tables and constraints made."""
    from helix_pipeline.cli.servers import prepare_stores
    from helix_pipeline.local import servers

    home = tmp_path_factory.mktemp("helix")
    home.parent.parent.chmod(0o755)
    flags = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    made = load(environ={}, flags={"home": str(home), "streams.metrics_port": 0, **flags})
    try:
        found = servers.up(made)
        prepare_stores(made, [server.name for server in found])
        yield made
    finally:
        servers.down(made)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def spark() -> Iterator["SparkSession"]:  # noqa: F821
    """A Spark session with the settings and jars of the streams."""
    from helix_pipeline.local.jars import jar_paths
    from helix_pipeline.spark.session import create_session

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = create_session(load(environ={}), ",".join(str(path) for path in jar_paths("spark")))
    yield session
    session.stop()
