"""Neo4j is killed, or hangs, while it is asked: questions go on, health says so, in the end all counts are right."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from fastapi.testclient import TestClient
from graph_contents import Contents, hubs
from outage import hanging

from helix_pipeline.api.app import create_app
from helix_pipeline.domain.graph.deltas import add_up
from helix_pipeline.errors import StoreError
from helix_pipeline.local import servers
from helix_pipeline.services.knowledge.questions import related, search
from helix_pipeline.services.knowledge.stores import AWAY_S, GRACE_S, SIGN_S, KnowledgeStores
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import driver, ensure_schema, open_graph
from helix_pipeline.stores.graph_session import CONNECTIONS
from helix_pipeline.stores.graph_writer import apply
from helix_pipeline.stores.lake import open_lake

pytestmark = pytest.mark.servers

BATCHES = 60


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The graph with some batches in it and a snapshot of it, in a lake of its own."""
    parts = {
        "lake": settings.lake.model_copy(update={"root": str(tmp_path / "lake")}),
        "neo4j": settings.neo4j.model_copy(update={"read_timeout_s": 60.0}),
    }
    own = settings.model_copy(update=parts)
    ensure_schema(own)
    empty(own)
    for number in range(3):
        write(own, number)
    Upkeep(own, open_lake(own)).snapshot()
    yield own
    servers.up(settings, ["neo4j"])
    empty(own)


class Stream(threading.Thread):
    """Writes batches as the stream does: one after the other, each again until it is through."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)  # or a test that fails would never end
        self.settings, self.done, self.failures = settings, 3, 0

    def run(self) -> None:
        while self.done < BATCHES:
            try:
                write(self.settings, self.done)
                self.done += 1
            except StoreError:
                self.failures += 1
                time.sleep(0.5)


class Asker(threading.Thread):
    """Asks one thing again and again, with pauses; keeps the source of each answer and how long it took."""

    def __init__(self, stores: KnowledgeStores) -> None:
        super().__init__(daemon=True)
        self.stores, self.ended = stores, threading.Event()
        self.sources: list[str] = []
        self.seconds: list[float] = []

    def run(self) -> None:
        while not self.ended.wait(0.5):
            begin = time.monotonic()
            try:
                self.sources.append(related(self.stores, "e1").source)
            except StoreError:
                self.sources.append("too slow")
            self.seconds.append(time.monotonic() - begin)


def write(settings: Settings, number: int) -> None:
    graph = open_graph(settings)
    with driver(graph) as connection:
        apply(connection, graph, "test", number, add_up([hubs(number, 30, 20)]))


def empty(settings: Settings) -> None:
    contents = Contents(settings)
    contents.driver.close()


def everything(settings: Settings) -> list[list[list]]:
    graph = open_graph(settings)
    with driver(graph) as connection:
        contents = Contents.__new__(Contents)
        contents.place, contents.driver = graph, connection
        return contents.everything()


def kill(settings: Settings) -> None:
    [state] = servers.status(settings, ["neo4j"])
    assert state.pid
    psutil.Process(state.pid).send_signal(signal.SIGKILL)


def wait_until(found: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.2)


def component(health: TestClient) -> tuple[str, str]:
    """How the component of the graph is, and why."""
    found = health.get("/v1/bigdata/health").json()["components"]["knowledge_graph"]
    return found["status"], found.get("detail", "")


def test_questions_are_answered_from_the_snapshot_until_neo4j_is_back(place: Settings, tmp_path: Path) -> None:
    stream = Stream(place)
    app = create_app(place.model_copy(update={"home": tmp_path}))  # a home without streams of other tests
    health = TestClient(app, base_url="http://127.0.0.1")
    assert component(health) == ("healthy", "")
    with KnowledgeStores(place) as stores:
        before = related(stores, "e1")
        assert (before.source, before.degraded, before.as_of) == ("neo4j", False, None)
        stream.start()
        wait_until(lambda: stream.done > 8)
        kill(place)
        away = related(stores, "e1", depth=2)
        assert (away.source, away.degraded) == ("snapshot", True)
        assert away.value.related and away.as_of and "Neo4j" in away.notes[0]
        assert search(stores, "e1").source == "snapshot"
        status, detail = component(health)
        assert (status, detail.startswith("the last snapshot answers (neo4j")) == ("degraded", True), detail
        with pytest.raises(StoreError):
            stores.ping(1)
        wait_until(lambda: stream.failures)
        done = stream.done
        servers.up(place, ["neo4j"])
        wait_until(lambda: related(stores, "e1").source == "neo4j")
        stores.ping(30)
        stream.join(300)
    assert stream.done == BATCHES and done < BATCHES
    assert component(health) == ("healthy", "")
    counted = everything(place)
    empty(place)
    for number in range(BATCHES):
        write(place, number)
    assert everything(place) == counted


def test_a_neo4j_that_hangs_is_waited_for_once_and_the_snapshot_answers(place: Settings) -> None:
    patience_s, busy_s = 3.0, 1.0
    neo4j = place.neo4j.model_copy(update={"read_timeout_s": patience_s})
    with KnowledgeStores(place.model_copy(update={"neo4j": neo4j})) as stores:
        askers = [Asker(stores) for _ in range(CONNECTIONS)]
        for asker in askers:
            asker.start()
        wait_until(lambda: all(asker.sources[-3:] == ["neo4j"] * 3 for asker in askers))
        for asker in askers:
            asker.seconds.clear()  # the first questions may have been slow
        with hanging(place, "neo4j"):
            time.sleep(2 * (patience_s + GRACE_S + SIGN_S) + AWAY_S)
        there = [len(asker.sources) for asker in askers]
        wait_until(lambda: all("neo4j" in one.sources[start:] for one, start in zip(askers, there, strict=True)))
        for asker in askers:
            asker.ended.set()
            asker.join(30)
    longest = [sorted(asker.seconds, reverse=True) for asker in askers]
    assert all("snapshot" in asker.sources for asker in askers)
    assert max(first for first, *_ in longest) < patience_s + GRACE_S + SIGN_S + busy_s
    assert max(second for _, second, *_ in longest) < SIGN_S + busy_s
