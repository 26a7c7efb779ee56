"""/health and /v1/bigdata/health against real servers, closed ports, and servers that accept and say nothing."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from api_process import Api
from fastapi.testclient import TestClient

from helix_pipeline.api.app import create_app
from helix_pipeline.api.health_models import LongHealth, ShortHealth
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.domain.health import COMPONENTS
from helix_pipeline.formats.wire import Encoded
from helix_pipeline.services.kept import KeptEvent, open_own
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import create_tables, open_lake

pytestmark = pytest.mark.servers

HEALTHY = ("infinite_context", "knowledge_graph", "analytics")
NOT_BUILT = ("distributed_memory", "cross_learning")


@pytest.fixture
def settings_here(api_settings: Settings, tmp_path: Any) -> Settings:
    """The session's servers, and a home and a lake without streams and snapshots of other tests."""
    lake = api_settings.lake.model_copy(update={"root": str(tmp_path / "lake")})
    own = api_settings.model_copy(update={"home": tmp_path, "lake": lake})
    create_tables(open_lake(own), LAKE_TABLES)
    return own


def client_of(settings: Settings) -> TestClient:
    return TestClient(create_app(settings), base_url="http://127.0.0.1")


def changed(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """The settings with other values in some sections."""
    update = {name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()}
    return settings.model_copy(update=update)


@contextmanager
def silent_server() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in held:
                connection.close()


def test_with_all_servers_everything_that_is_built_is_healthy(settings_here: Settings) -> None:
    client = client_of(settings_here)
    short = client.get("/health")
    assert short.status_code == 200
    assert short.json() == {
        "status": "healthy",
        "bigdata": {name: "disabled" if name in NOT_BUILT else "healthy" for name in COMPONENTS},
        "services": {"kafka": "connected", "neo4j": "connected", "clickhouse": "connected", "lake": "connected"},
    }
    long = client.get("/v1/bigdata/health").json()
    LongHealth.model_validate(long)
    assert long["status"] == "healthy"
    assert all(long["components"][name]["status"] == "healthy" for name in HEALTHY)
    assert all(0 <= long["components"][name]["latency_ms"] <= 1000 for name in HEALTHY)
    assert "not part" in long["components"]["cross_learning"]["detail"]
    assert (long["kafka"]["status"], long["kafka"]["brokers"]) == ("connected", 1)
    assert all(long[name]["version"][0].isdigit() for name in ("clickhouse", "neo4j", "postgres"))
    assert long["redis"] == {"status": "disabled"}
    assert long["streams"] == {"running": 0, "lag": 0, "queries": []}


def test_closed_ports_degrade_what_something_stands_in_for(settings_here: Settings) -> None:
    away = changed(settings_here, clickhouse={"port": 1}, neo4j={"port": 1})
    answer = client_of(away).get("/v1/bigdata/health")
    long = answer.json()
    assert [long["components"][name]["status"] for name in HEALTHY] == ["degraded", "unhealthy", "degraded"]
    assert "the lake stands in" in long["components"]["analytics"]["detail"]
    assert long["graph_snapshot"]["status"] == "unreachable"
    assert (answer.status_code, long["status"]) == (503, "unhealthy")
    assert long["clickhouse"]["status"] == long["neo4j"]["status"] == "unreachable"
    assert "Connection refused" in long["clickhouse"]["detail"]
    without_graph = changed(away, features={"knowledge_graph": False})
    answer = client_of(without_graph).get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_silent_servers_cost_a_second_and_no_more_threads_than_stores(settings_here: Settings) -> None:
    with silent_server() as port:
        silent = changed(
            settings_here,
            kafka={"bootstrap_servers": f"127.0.0.1:{port}"},
            clickhouse={"port": port},
            neo4j={"uri": f"bolt://127.0.0.1:{port}"},
            postgres={"port": port},
        )
        client = client_of(silent)
        for path in ("/health", "/v1/bigdata/health", "/readyz"):
            begin = time.monotonic()
            found = client.get(path).json()
            assert time.monotonic() - begin < 1.6, path
            assert found["status"] in ("degraded", "unhealthy", "not ready")
        many = [threading.Thread(target=client.get, args=("/health",)) for _ in range(20)]
        begin = time.monotonic()
        for one in many:
            one.start()
        asking = [thread.name for thread in threading.enumerate() if thread.name.startswith("health-")]
        for one in many:
            one.join()
        assert time.monotonic() - begin < 3
        assert len(asking) == len(set(asking)) <= 6
        long = client.get("/v1/bigdata/health").json()
        stores = {name: long[name]["status"] for name in ("kafka", "clickhouse", "neo4j", "postgres", "lake")}
        assert stores == dict.fromkeys(("kafka", "clickhouse", "neo4j", "postgres"), "unreachable") | {
            "lake": "connected"
        }
        assert long["components"]["infinite_context"]["status"] == "degraded"


def test_a_server_that_talks_nonsense_is_unreachable(settings_here: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"\x00nonsense\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        port = int(server.getsockname()[1])
        odd = changed(settings_here, clickhouse={"port": port}, neo4j={"uri": f"bolt://127.0.0.1:{port}"})
        found = client_of(odd).get("/v1/bigdata/health").json()
        assert (found["clickhouse"]["status"], found["neo4j"]["status"]) == ("unreachable", "unreachable")
        assert "see the log" not in found["clickhouse"]["detail"] + found["neo4j"]["detail"]
        server.shutdown(socket.SHUT_RDWR)


def test_a_stream_that_is_lost_degrades_what_it_fills(settings_here: Settings) -> None:
    shown = {"query": "warehouse.provider_metrics", "state": "failed", "lag": 7}
    shown |= {"rows_per_second": 2.5, "batch_seconds": 0.4}
    state = shown | {"error": "boom", "pid": 1}
    folder = settings_here.home / "streams"
    folder.mkdir(parents=True)
    (folder / "warehouse.provider_metrics.json").write_text(json.dumps(state))
    answer = client_of(settings_here).get("/v1/bigdata/health")
    long = answer.json()
    assert (answer.status_code, long["status"]) == (200, "degraded")
    assert long["components"]["analytics"] == {
        "status": "degraded",
        "latency_ms": long["clickhouse"]["latency_ms"],
        "detail": "the stream warehouse.provider_metrics is failed: boom",
        "counts": {"stream_lag": 7},
    } | {"latency_ms": long["components"]["analytics"]["latency_ms"]}
    assert long["components"]["knowledge_graph"]["status"] == "healthy"
    assert long["streams"] == {"running": 0, "lag": 7, "queries": [shown]}


@pytest.mark.parametrize("component", COMPONENTS)
def test_what_is_turned_off_is_disabled_and_its_stores_are_not_asked(settings_here: Settings, component: str) -> None:
    off = changed(settings_here, features={component: False}, neo4j={"port": 1})
    answer = client_of(off).get("/v1/bigdata/health").json()
    assert answer["components"][component]["status"] == "disabled"
    assert answer["components"][component]["detail"] == f"BIGDATA_ENABLE_{component.upper()} is false"
    assert answer["neo4j"]["status"] == ("disabled" if component == "knowledge_graph" else "unreachable")


def test_what_another_process_has_not_sent_is_told(settings_here: Settings) -> None:
    client = client_of(settings_here)
    assert client.get("/readyz").json()["checks"]["journal"] == "ok"
    with open_own(settings_here) as other:
        other.add([KeptEvent(Encoded("topic", b"key", b"value", "id"))])
        said = f"journals of other processes (1) have {other.nbytes} bytes"
    assert client.get("/readyz").json()["checks"]["journal"] == f"degraded: {said}"
    found = client.get("/v1/bigdata/health").json()["components"]["infinite_context"]
    assert (found["status"], found["detail"]) == ("degraded", f"journal: {said}")


def test_a_process_answers_over_http_and_ends_while_a_store_hangs(settings_here: Settings) -> None:
    import httpx

    with silent_server() as port:
        found = Api(changed(settings_here, neo4j={"uri": f"bolt://127.0.0.1:{port}"}))
        found.start()
        try:
            answer = httpx.get(f"{found.url}/health", timeout=5)
            ShortHealth.model_validate(answer.json())
            assert answer.json()["services"]["neo4j"] == "unreachable"
        finally:
            begin = time.monotonic()
            assert found.stop() == 0
        assert time.monotonic() - begin < 10
