"""PostgreSQL is killed under load: jobs are refused at once, what is written waits in the journal, all else works."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_process import Api, running, wait_for
from context_stores import Installation
from outage import ANSWER_S, checks, compare, components, drained, hanging, kill, own_api, said_more, talking

from helix_pipeline.local import servers
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers

JOB = {"job_type": "ProviderPerformance", "params": {}}


@pytest.fixture
def api(place: Installation, settings: Settings, tmp_path: Path) -> Iterator[Api]:
    """An API of the test's own; PostgreSQL is there afterwards, whatever a test has done to it."""
    with running(own_api(place, tmp_path)) as found:
        yield found
    servers.up(settings, ["postgres"])


def refused(api: Api) -> None:
    """Every call about accepted jobs is a problem that says what to do."""
    for method, path in (("GET", "jobs"), ("POST", "jobs"), ("GET", "jobs/job-1/status"), ("DELETE", "jobs/job-1")):
        begin = time.monotonic()
        answer = api.ask(method, path, **({"json": JOB} if method == "POST" else {}))
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:helix:problem:store-away"), answer.text
        assert "PostgreSQL does not answer" in answer.json()["detail"] and answer.json()["hint"]
        assert time.monotonic() - begin < ANSWER_S


def test_nothing_is_lost_or_doubled_when_postgres_is_killed_under_load(api: Api, settings: Settings) -> None:
    before = api.ask("GET", "jobs").json()
    with talking(api) as talkers:
        said_more(talkers, 5, "kafka")
        kill(settings, ["postgres"])
        said_more(talkers, 20, "journal")
        refused(api)
        assert api.ask("GET", "job-types").status_code == 200
        found = checks(api)
        assert "Connection refused" in found["postgres"]
        assert components(api)["infinite_context"] == "degraded"
        assert found["journal"].startswith("degraded: waiting") and found["kafka"] == "ok"
        name = talkers[0].name
        body = {"conversation_id": name, "compression_strategy": "none"}
        replayed = httpx.post(f"{api.url}/v1/context/replay", json=body, timeout=ANSWER_S).json()
        assert replayed["complete"] and any("in the journal" in note for note in replayed["notes"])
        servers.up(settings, ["postgres"])
        said_more(talkers, 5, "kafka")
    drained(api)
    assert all(talker.refused == [] and talker.stored == {"kafka", "journal"} for talker in talkers)
    compare(settings, talkers)
    wait_for(lambda: api.ask("GET", "jobs").status_code == 200, 30, "the jobs")
    assert api.ask("GET", "jobs").json() == before, "what was refused is not stored"


def test_a_postgres_that_hangs_holds_nobody_for_long(api: Api, settings: Settings) -> None:
    with talking(api, 4) as talkers:
        said_more(talkers, 2, "kafka")
        with hanging(settings, "postgres"):
            said_more(talkers, 2, "journal")
            refused(api)
        said_more(talkers, 2, "kafka")
    drained(api)
    compare(settings, talkers)
