"""Health: what follows for a component from its stores, and that asking is bounded in time and threads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from helix_pipeline.domain.features import components_of
from helix_pipeline.domain.health import COMPONENTS, NEEDS, Caveat, ComponentState, StoreState, assess, overall
from helix_pipeline.errors import StoreError
from helix_pipeline.services.health.asking import Answer, Asker, Check
from helix_pipeline.settings import Settings, load
from helix_pipeline.spark.queries import QUERIES

STORES = ("kafka", "clickhouse", "neo4j", "postgres", "lake", "graph_snapshot")


def stores(*away: str) -> dict[str, StoreState]:
    return {
        name: StoreState(name not in away, index, detail=f"{name} is away" if name in away else "")
        for index, name in enumerate(STORES)
    }


@pytest.mark.parametrize(
    ("component", "away", "status", "said"),
    [
        ("infinite_context", (), "healthy", ""),
        ("infinite_context", ("clickhouse",), "degraded", "read from the lake (clickhouse is away)"),
        ("infinite_context", ("kafka", "lake"), "degraded", "newest messages may be missing"),
        ("infinite_context", ("kafka", "clickhouse", "lake"), "unhealthy", "kafka is away"),
        ("infinite_context", ("neo4j", "graph_snapshot"), "healthy", ""),
        ("knowledge_graph", (), "healthy", ""),
        ("knowledge_graph", ("graph_snapshot",), "healthy", ""),
        ("knowledge_graph", ("neo4j",), "degraded", "the last snapshot answers (neo4j is away)"),
        ("knowledge_graph", ("neo4j", "graph_snapshot"), "unhealthy", "neo4j is away; graph_snapshot is away"),
        ("analytics", ("clickhouse",), "degraded", "the lake stands in"),
        ("analytics", ("clickhouse", "lake"), "unhealthy", "clickhouse is away"),
        ("distributed_memory", (), "disabled", "not part of this version"),
        ("cross_learning", STORES, "disabled", "not part of this version"),
    ],
)
def test_a_component_is_as_well_as_what_stands_in_allows(component, away, status, said):
    found = assess(component, stores(*away))
    assert found.status == status
    assert said in found.detail
    assert bool(found.detail) == (status != "healthy")


def test_a_caveat_degrades_its_component_alone_and_shows_its_counts():
    caveats = [Caveat("analytics", "3 metric files wait", {"files": 3})]
    found = assess("analytics", stores(), caveats)
    assert (found.status, found.detail, found.counts) == ("degraded", "3 metric files wait", {"files": 3})
    assert assess("knowledge_graph", stores(), caveats).status == "healthy"
    assert assess("analytics", stores("clickhouse", "lake"), caveats).status == "unhealthy"


def test_the_latency_is_that_of_the_slowest_store_of_the_component():
    assert assess("knowledge_graph", stores()).latency_ms == STORES.index("graph_snapshot")


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ((), "disabled"),
        (("disabled",), "disabled"),
        (("disabled", "healthy"), "healthy"),
        (("healthy", "degraded", "disabled"), "degraded"),
        (("degraded", "unhealthy"), "unhealthy"),
    ],
)
def test_the_worst_of_those_that_are_on_counts(statuses, worst):
    assert overall(ComponentState(status) for status in statuses) == worst


def test_each_component_has_a_switch_and_each_query_serves_known_ones():
    assert set(COMPONENTS) == set(load(environ={}).features.model_dump()) - {"enabled"}
    assert {one for query in QUERIES for one in components_of(query.name)} == set(NEEDS)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_variable_turns_a_component_off(component):
    features = load(environ={f"BIGDATA_ENABLE_{component.upper()}": "false"}).features
    assert [name for name in COMPONENTS if not features.is_on(name)] == [component]


def test_the_master_switch_turns_all_off():
    features = load(environ={"BIGDATA_ENABLED": "false"}).features
    assert not any(map(features.is_on, COMPONENTS))
    assert not features.any_on(())
    assert Settings().features.any_on(())


@contextmanager
def hanging() -> Iterator[tuple[Check, list[float]]]:
    """A check that waits until it is let go, and when it was begun."""
    go, begun = threading.Event(), []

    def check() -> Answer:
        begun.append(time.monotonic())
        go.wait(30)
        return Answer("1.0")

    try:
        yield check, begun
    finally:
        go.set()


def refusing() -> Answer:
    raise StoreError("closed")


def broken() -> Answer:
    raise ZeroDivisionError


def test_one_that_hangs_holds_up_nobody_for_long_and_is_not_asked_again():
    with hanging() as (check, begun):
        asker = Asker({"slow": check, "quick": lambda: Answer("2.0", {"brokers": 3}), "shut": refusing}, 0.3)
        start = time.monotonic()
        found = asker.ask()
        assert 0.29 < time.monotonic() - start < 1
        assert (found["slow"].answers, found["slow"].detail) == (False, "slow: no answer within 0.3 s")
        assert (found["quick"].version, found["quick"].counts) == ("2.0", {"brokers": 3})
        assert (found["shut"].answers, found["shut"].detail) == (False, "shut: closed")
        start, threads = time.monotonic(), threading.active_count()
        for _ in range(50):
            assert not asker.ask()["slow"].answers
        assert time.monotonic() - start < 0.3
        assert len(begun) == 1
        assert threading.active_count() <= threads


def test_one_that_recovers_is_asked_anew():
    with hanging() as (check, begun):
        asker = Asker({"slow": check}, 0.1)
        assert not asker.ask()["slow"].answers
    deadline = time.monotonic() + 10
    while not asker.ask()["slow"].answers:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(begun) >= 1


def test_an_answer_may_be_as_old_as_the_caller_allows():
    calls = []
    asker = Asker({"store": lambda: calls.append(1) or Answer()}, 1)
    for _ in range(5):
        asker.ask(max_age_s=60)
    assert len(calls) == 1
    asker.ask()
    assert len(calls) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_check_with_a_fault_is_told_and_asked_again():
    asker = Asker({"store": broken}, 1)
    for _ in range(2):
        assert asker.ask()["store"].detail == "store: its check failed, see the log"
    for thread in threading.enumerate():
        if thread.name == "health-store":
            thread.join()  # so that pytest hears of the fault in this test, where it is expected
