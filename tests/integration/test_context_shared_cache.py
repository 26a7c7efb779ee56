"""The cache that processes share, in a real Redis server: what one makes the other has, and life without it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from context_stores import Installation, message, said
from pydantic import SecretStr
from redis_server import Redis

from helix_pipeline.errors import SettingsError
from helix_pipeline.services.context.replay import Replay, replay
from helix_pipeline.services.context.requests import ReplayRequest
from helix_pipeline.services.context.shared_cache import open_shared_cache
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.settings import Settings, load
from helix_pipeline.telemetry import CONTEXT_CACHE

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    made = Redis(tmp_path_factory.mktemp("redis"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def place(settings: Settings, server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(settings, tmp_path_factory.mktemp("context"))
    url = SecretStr(f"redis://127.0.0.1:{server.port}/0")
    context = made.settings.context.model_copy(update={"redis_url": url})
    made.settings = made.settings.model_copy(update={"context": context})
    return made


@pytest.fixture
def name(place: Installation) -> str:
    made = f"conversation-{uuid4().hex}"
    place.publish(*said(made, 12))
    place.carry()
    return made


def compressed(stores: ContextStores, name: str) -> Replay:
    return replay(stores, ReplayRequest(conversation_id=name))


def counted(result: str) -> float:
    return CONTEXT_CACHE.labels(result)._value.get()


def test_what_one_process_made_the_other_has(place, name):
    with ContextStores(place.settings) as one, ContextStores(place.settings) as other:
        first = compressed(one, name)
        before = counted("shared")
        again = compressed(other, name)
        assert (first.cached, again.cached, counted("shared") - before) == (False, True, 1)
        assert again.context == first.context
        assert (again.source, again.notes, again.complete) == (first.source, first.notes, first.complete)


def test_a_new_message_makes_the_other_process_make_it_anew(place, name):
    with ContextStores(place.settings) as one, ContextStores(place.settings) as other:
        compressed(one, name)
        place.publish(message(name, 12))
        later = compressed(other, name)
        assert not later.cached and later.context.stats.original_messages == 13
        assert compressed(one, name).cached


def test_keys_end_after_their_time_and_say_nothing_of_the_conversation(place, name, server):
    server.client.flushall()
    with ContextStores(place.settings) as stores:
        compressed(stores, name)
    keys = server.client.keys()
    assert len(keys) == 2 and all(key.startswith(b"helix:context:") and name.encode() not in key for key in keys)
    assert all(0 < server.client.pttl(key) <= 1_800_000 for key in keys)


def test_what_is_no_context_is_made_anew(place, name, server):
    with ContextStores(place.settings) as stores:
        compressed(stores, name)
    for key in server.client.scan_iter():
        server.client.set(key, b'{"something": "else"}')
    with ContextStores(place.settings) as stores:
        assert not compressed(stores, name).cached


def test_without_redis_it_goes_on_and_is_counted(place, name, server):
    with ContextStores(place.settings) as stores:
        server.stop()
        try:
            before = counted("failed")
            assert not compressed(stores, name).cached
            assert compressed(stores, name).cached
            assert counted("failed") > before
        finally:
            server.start()


def test_a_bad_url_is_named_without_what_it_holds():
    settings = load(environ={"REDIS_URL": "nonsense://user:hunter2@host"})
    with pytest.raises(SettingsError, match="REDIS_URL") as caught:
        open_shared_cache(settings)
    assert "hunter2" not in str(caught.value)
