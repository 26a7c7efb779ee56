"""Fixtures: settings whose servers run for the whole session, a clean slate on them, and a Spark session."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from ports import PORT_KEYS, free_ports

from helix_pipeline.settings import Settings, load

hypothesis_settings.register_profile("helix", deadline=None)
hypothesis_settings.load_profile("helix")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set HELIX_DATA")
    return folder


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with Kafka, ClickHouse, Neo4j and PostgreSQL running, topics, tables and constraints made."""
    from helix_pipeline.cli.servers import prepare_stores
    from helix_pipeline.local import servers

    home = tmp_path_factory.mktemp("helix")
    home.parent.parent.chmod(0o755)
    flags = dict(zip(PORT_KEYS, free_ports(len(PORT_KEYS)), strict=True))
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
