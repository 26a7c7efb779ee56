"""Fixtures of the tests on object storage, of the warehouse, and of the context service."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from botocore.client import BaseClient
from clickhouse_connect.driver.client import Client
from context_stores import Installation
from object_storage import s3_server, with_lake

from helix_pipeline.settings import Settings
from helix_pipeline.stores import warehouse, warehouse_migrations


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, BaseClient]]:
    """An S3 server with an empty bucket: its `host:port` and a client."""
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def on_s3(s3: tuple[str, BaseClient]) -> Settings:
    """Settings whose lake is a folder of the test's own in the bucket."""
    return with_lake(Settings(), s3[0])


@pytest.fixture
def house(settings: Settings) -> Iterator[Client]:
    """A database of the test's own with all tables."""
    changed = settings.clickhouse.model_copy(update={"database": f"h{uuid4().hex}"})
    own = settings.model_copy(update={"clickhouse": changed})
    warehouse_migrations.migrate(own)
    with warehouse.client(warehouse.open_warehouse(own)) as connection:
        yield connection
        connection.command(f"DROP DATABASE {own.clickhouse.database}")


@pytest.fixture(scope="module")
def place(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Stores of the module's own for the context service."""
    return Installation(settings, tmp_path_factory.mktemp("context"))


@pytest.fixture
def name() -> str:
    """A conversation that nobody has."""
    return f"conversation-{uuid4().hex}"
