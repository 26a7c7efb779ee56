"""Fixtures of the tests on object storage, and of those of the context service."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from botocore.client import BaseClient
from context_stores import Installation
from object_storage import s3_server, with_lake

from helix_pipeline.settings import Settings


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, BaseClient]]:
    """An S3 server with an empty bucket: its `host:port` and a client."""
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def on_s3(s3: tuple[str, BaseClient]) -> Settings:
    """Settings whose lake is a folder of the test's own in the bucket."""
    return with_lake(Settings(), s3[0])


@pytest.fixture(scope="module")
def place(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Stores of the module's own for the context service."""
    return Installation(settings, tmp_path_factory.mktemp("context"))


@pytest.fixture
def name() -> str:
    """A conversation that nobody has."""
    return f"conversation-{uuid4().hex}"
