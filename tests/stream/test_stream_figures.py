"""The figures that the streams keep: entities that messages name, and outcomes of debates, once under replays."""

from uuid import uuid4

import pytest
from test_streams import AT, Bench

from helix_pipeline.contracts.events import DebateCompleted, DebateTurn, ProviderCalled
from helix_pipeline.stores import warehouse

pytestmark = [pytest.mark.spark, pytest.mark.servers]


@pytest.fixture
def bench(settings, spark) -> Bench:
    return Bench(settings, spark)


def ask(bench: Bench, sql: str) -> list[tuple]:
    with warehouse.client(warehouse.open_warehouse(bench.settings)) as client:
        return list(client.query(sql, parameters={"p": bench.prefix}).result_rows)


def named(bench: Bench) -> list[tuple]:
    return ask(
        bench,
        "SELECT message_id, name, mentions, entities_per_message FROM entity_extraction_metrics"
        " WHERE startsWith(message_id, {p:String}) ORDER BY message_id, name",
    )


def test_each_message_names_its_entities_once_however_often_it_is_carried(bench):
    said = [bench.message(0, "We run Docker with Kubernetes"), bench.message(1, "Docker and Docker")]
    bench.publish(*said)
    bench.stream("warehouse")
    first, second = (one.message_id for one in said)
    wanted = [(first, "Docker", 1, 2), (first, "Kubernetes", 1, 2), (second, "Docker", 2, 1)]
    assert named(bench) == wanted
    by_day = "SELECT sum(messages), sum(mentions) FROM entity_stats_daily WHERE entity_id = 'tech:docker'"
    before = ask(bench, by_day)
    bench.forget_last_commits()
    bench.stream("warehouse")
    assert named(bench) == wanted
    assert ask(bench, by_day) == before


def test_a_debate_and_calls_reach_the_rollups_once(bench):
    debate, provider = f"{bench.prefix}-d", f"{bench.prefix}-p"
    shared = {"timestamp": AT, "debate_id": debate, "topic": "tea"}
    turns = [
        DebateTurn(event_id=f"{debate}-{n}", round=1, turn=n, participant=who, provider=provider, model="m",
                   content="yes", response_time_ms=100.0 + n, confidence=0.5, **shared)
        for n, who in enumerate("AB")
    ]  # fmt: skip
    end = DebateCompleted(event_id=f"{debate}-end", round=1, winner="B", consensus_reached=True, **shared)
    call = ProviderCalled(
        event_id=uuid4().hex, timestamp=AT, request_id=f"{bench.prefix}-r", provider=provider, model="m",
        latency_ms=5.0, tokens_prompt=1, tokens_completion=2, success=True, cost=0.1,
    )  # fmt: skip
    bench.publish(*turns, end, call)
    for _ in range(2):
        bench.stream("warehouse")
        outcome = (
            "SELECT participant, provider, won FROM debate_outcomes FINAL"
            " WHERE startsWith(debate_id, {p:String}) ORDER BY participant"
        )
        assert ask(bench, outcome) == [("A", provider, False), ("B", provider, True)]
        for kind, sums in (("provider", "sum(requests), sum(tokens_completion)"), ("debate", "sum(turns), sum(rated)")):
            for every in ("minutely", "hourly"):
                rollup = f"SELECT {sums} FROM {kind}_stats_{every} WHERE startsWith(provider, {{p:String}})"
                assert ask(bench, rollup) == [(1, 2) if kind == "provider" else (2, 2)]
        bench.forget_last_commits()
