"""Every server is away: the API starts, says what is off, replays from the lake, and keeps what is written."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_process import Api, running, wait_for
from context_stores import Installation, said
from outage import ANSWER_S, checks, compare, components, drained, kill, own_api, said_more, talking

from helix_pipeline.local import servers
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers

NAMES = ("kafka", "clickhouse", "neo4j", "postgres")


@pytest.fixture
def api(place: Installation, settings: Settings, tmp_path: Path) -> Iterator[Api]:
    """An API of the test's own, not started; all servers are there afterwards."""
    yield own_api(place, tmp_path)
    servers.up(settings, NAMES)


def test_with_everything_away_the_api_starts_and_serves_what_is_local(
    api: Api, place: Installation, settings: Settings, name: str
) -> None:
    place.publish(*said(name, 5))
    place.carry()
    with running(api), talking(api) as talkers:
        said_more(talkers, 3, "kafka")
        kill(settings, NAMES)
        said_more(talkers, 5, "journal")
        api.stop()
        api.start()
        said_more(talkers, 5, "journal")
        says_what_is_off(api)
        body = {"conversation_id": name, "compression_strategy": "none"}
        found = httpx.post(f"{api.url}/v1/context/replay", json=body, timeout=ANSWER_S).json()
        assert (found["source"], found["complete"], len(found["messages"])) == ("lake", False, 5)
        assert [note.split()[0] for note in found["notes"]] == ["kafka", "hot"]
        servers.up(settings, NAMES)
        said_more(talkers, 3, "kafka")
        for talker in talkers:
            talker.ended.set()
        drained(api)
        wait_for(lambda: httpx.get(f"{api.url}/readyz", timeout=ANSWER_S).status_code == 200, 60, "readiness")
        assert set(checks(api).values()) == {"ok"}
    assert all(talker.refused == [] for talker in talkers)
    compare(settings, talkers)


def says_what_is_off(api: Api) -> None:
    assert httpx.get(f"{api.url}/livez", timeout=ANSWER_S).json()["status"] == "alive"
    ready = httpx.get(f"{api.url}/readyz", timeout=ANSWER_S)
    found = ready.json()["checks"]
    assert (ready.status_code, found["lake"], found["supervisor"]) == (503, "ok", "ok")
    assert "Connection refused" in found["postgres"]
    states = {"infinite_context": "degraded", "knowledge_graph": "unhealthy", "analytics": "degraded"}
    assert states.items() <= components(api).items()
    assert found["graph"].startswith("degraded: ") and found["kafka"].startswith("degraded: ")
    assert found["journal"].startswith("degraded: waiting")
    assert httpx.get(f"{api.url}/v1/spark/jobs", timeout=ANSWER_S).status_code == 503
