"""Redis is killed under load: contexts are made anew, which is counted and logged; back again, they are shared."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from api_process import Api, running, wait_for
from context_stores import Installation, said
from outage import ANSWER_S, own_api
from pydantic import SecretStr
from redis_server import Redis

pytestmark = pytest.mark.servers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    made = Redis(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def apis(place: Installation, server: Redis, tmp_path: Path) -> Iterator[list[Api]]:
    """Two processes that share a cache."""
    url = SecretStr(f"redis://127.0.0.1:{server.port}/0")
    context = place.settings.context.model_copy(update={"redis_url": url})
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    one, two = (own_api(place, home, context=context) for home in homes)
    with running(one), running(two):
        yield [one, two]


def ask(api: Api, name: str, tokens: int) -> dict[str, Any]:
    body = {"conversation_id": name, "max_tokens": tokens}
    answer = httpx.post(f"{api.url}/v1/context/replay", json=body, timeout=ANSWER_S)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_contexts_go_on_without_redis(apis: list[Api], place: Installation, server: Redis, name: str) -> None:
    place.publish(*said(name, 30))
    place.carry()
    one, two = apis
    assert [ask(one, name, 150)["cached"], ask(two, name, 150)["cached"]] == [False, True]
    ended, failed, asked = Event(), list[str](), list[bool]()

    def ask_on() -> None:
        tokens = 200
        while not ended.is_set():
            tokens += 1
            try:
                asked.append(ask(one, name, tokens)["cached"])
            except (AssertionError, httpx.TransportError) as error:
                failed.append(str(error))

    thread = Thread(target=ask_on, daemon=True)
    thread.start()
    try:
        wait_for(lambda: len(asked) > 10, 60, "answers")
        server.kill()
        count = len(asked)
        wait_for(lambda: len(asked) > count + 20, 60, "answers without Redis")
        assert [ask(one, name, 160)["cached"], ask(one, name, 160)["cached"]] == [False, True]
        assert ask(two, name, 160)["cached"] is False, "nothing is shared"
        assert "shared cache is away" in (one.settings.home / "api" / "log").read_text()
        server.start()
        tokens = iter(range(170, 200))
        wait_for(lambda: shared(apis, name, next(tokens)), 30, "the cache to be shared again")
    finally:
        ended.set()
        thread.join(ANSWER_S)
    assert failed == [] and not any(asked)


def shared(apis: list[Api], name: str, tokens: int) -> bool:
    """Whether the second process has what the first one made."""
    first, second = (ask(api, name, tokens)["cached"] for api in apis)
    assert first is False
    return bool(second)
