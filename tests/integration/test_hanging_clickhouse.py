"""ClickHouse hangs under load: the API answers all the same, from the lake, and nobody waits for long."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from api_process import Api, running, wait_for
from context_stores import Installation, said
from outage import ANSWER_S, Worker, at_work, components, hanging, own_api

from helix_pipeline.settings import Settings
from helix_pipeline.stores.warehouse_standing import AWAY_S, SIGN_S, SLOW_S

pytestmark = pytest.mark.servers

GIVEN_UP_S = SLOW_S + 2 * SIGN_S
"""After so long a question that was with the server when it began to hang goes to the lake."""

BUSY_S = 3.0
"""More than an answer of the lake, or a look at the health, takes on a busy machine."""

PAUSE_S = 1.0
"""Short enough that all askers wait for a server that hangs: they are more than the API has threads."""


class Asker(Worker):
    """Asks one thing again and again, with pauses; keeps the source of each answer and how long it took."""

    def __init__(self, question: Callable[[], httpx.Response]) -> None:
        super().__init__()
        self.question = question
        self.sources: list[str] = []
        self.seconds: list[float] = []

    def run(self) -> None:
        while not self.ended.wait(PAUSE_S):
            begin = time.monotonic()
            answer = self.question()
            self.seconds.append(time.monotonic() - begin)
            self.sources.append(answer.json().get("source", str(answer.status_code)))


def asking(*questions: Callable[[], httpx.Response], each: int) -> AbstractContextManager[list[Asker]]:
    """So many askers of each question, within the block."""
    return at_work([Asker(question) for question in questions for _ in range(each)])


@pytest.fixture
def api(place: Installation, tmp_path: Path) -> Iterator[Api]:
    """An API of the test's own."""
    with running(own_api(place, tmp_path)) as found:
        yield found


def answered(askers: list[Asker], source: str, more: int = 3) -> None:
    """Wait until the newest answers of each asker are from there."""
    before = [len(asker.sources) for asker in askers]

    def reached(asker: Asker, start: int) -> bool:
        new = asker.sources[start:]
        return len(new) >= more and set(new[-more:]) == {source}

    wait_for(lambda: all(map(reached, askers, before)), 60, f"{more} answers of each from {source}")


def test_a_hanging_clickhouse_is_waited_for_once_and_the_lake_answers(
    api: Api, place: Installation, settings: Settings, name: str
) -> None:
    place.publish(*said(name, 5))
    place.carry()
    body = {"conversation_id": name, "compression_strategy": "none"}

    def analytics() -> httpx.Response:
        return httpx.get(f"{api.url}/v1/analytics/providers?window=1w", timeout=ANSWER_S)

    def replay() -> httpx.Response:
        return httpx.post(f"{api.url}/v1/context/replay", json=body, timeout=ANSWER_S)

    with asking(analytics, replay, each=9) as askers:
        answered(askers, "clickhouse")
        with hanging(settings, "clickhouse"):
            looked = health_while_it_hangs(api)
            answered(askers, "lake", more=2)
            told = httpx.get(f"{api.url}/v1/bigdata/health", timeout=ANSWER_S).json()
            found = replay().json()
            refused = httpx.post(f"{api.url}/v1/analytics/query", json={"sql": "SELECT 1"}, timeout=ANSWER_S)
        answered([asker for asker in askers if asker.question is analytics], "clickhouse")
    longest = [sorted(asker.seconds, reverse=True) for asker in askers]
    assert max(first for first, *_ in longest) < GIVEN_UP_S + BUSY_S
    assert max(second for _, second, *_ in longest) < BUSY_S
    assert max(looked) < BUSY_S
    assert told["clickhouse"]["status"] == "unreachable" and "no answer" in told["clickhouse"]["detail"]
    assert told["components"]["analytics"]["status"] == "degraded"
    assert (found["complete"], len(found["messages"])) == (True, 5)
    assert refused.status_code == 503
    wait_for(lambda: components(api)["analytics"] == "healthy", 60, "the figures to be drained")


def health_while_it_hangs(api: Api) -> list[float]:
    """Ask for the health for longer than the server is left alone, and return how long each answer took."""
    end, seconds = time.monotonic() + AWAY_S + GIVEN_UP_S, []
    while time.monotonic() < end:
        begin = time.monotonic()
        assert components(api)["analytics"] == "degraded"
        seconds.append(time.monotonic() - begin)
    return seconds
