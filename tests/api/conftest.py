"""An API on a small lake, with PostgreSQL of the session: as an application without supervisor, and as a process."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from api_process import Api, running
from fastapi.testclient import TestClient
from ports import free_ports

from helix_pipeline.api.app import create_app
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_PROVIDER_CALLS, LAKE_TABLES
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_table, write_files

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
CALLS = 50


@pytest.fixture(scope="session")
def lake_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake with 50 provider calls and a conversation of three messages."""
    root = str(tmp_path_factory.mktemp("lake").resolve())
    lake = Lake(root)
    create_tables(lake, LAKE_TABLES)
    rows = pa.Table.from_pylist([call(number) for number in range(CALLS)], schema=LAKE_PROVIDER_CALLS.schema)
    commit(open_table(lake, "provider_calls"), write_files(lake, LAKE_PROVIDER_CALLS, rows), "test", 0)
    messages = pa.Table.from_pylist([message(number) for number in range(3)], schema=LAKE_CONVERSATIONS.schema)
    commit(open_table(lake, "conversations"), write_files(lake, LAKE_CONVERSATIONS, messages), "test", 0)
    return root


def message(number: int) -> dict[str, Any]:
    place = {"conversation_id": "conv-123", "message_id": f"m{number}", "sequence": number}
    return event(number, "message.added") | place | {"role": "user", "content": "hello"}


def call(number: int) -> dict[str, Any]:
    return event(number, "provider.called") | {
        "request_id": f"r{number}",
        "provider": "acme",
        "model": "large",
        "latency_ms": 100.0,
        "tokens_prompt": 10,
        "tokens_completion": 5,
        "success": number > 1,
        "error_type": None,
        "cost": 0.5,
    }


def event(number: int, event_type: str) -> dict[str, Any]:
    at = START + timedelta(seconds=number)
    source = {"kafka_partition": 0, "kafka_offset": number, "ingested_at": at}
    head = {"schema_version": 1, "event_id": f"{event_type}-{number}", "timestamp": at, "metadata": "{}"}
    return {**head, "event_type": event_type, **source}


@pytest.fixture(scope="session")
def api_settings(settings: Settings, lake_root: str) -> Settings:
    """The session's settings with the small lake and a free port."""
    (port,) = free_ports(1)
    changed = {
        "lake": settings.lake.model_copy(update={"root": lake_root}),
        "api": settings.api.model_copy(update={"port": port}),
        "spark": settings.spark.model_copy(update={"driver_memory": "1g"}),
    }
    return settings.model_copy(update=changed)


@pytest.fixture
def client(api_settings: Settings) -> TestClient:
    """The application without its supervisor: what is accepted stays queued."""
    return TestClient(create_app(api_settings), base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture
def api(api_settings: Settings) -> Iterator[Api]:
    with running(Api(api_settings)) as found:
        yield found
