"""The ledger on a real PostgreSQL: who may publish what, and what becomes of chunks left behind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.ledger import Admission, Ledger, Recovery, digest

pytestmark = pytest.mark.servers
OFFSETS = {"topic": {"0": 7}}


@pytest.fixture
def cluster() -> str:
    return f"cluster-{uuid4()}"


@pytest.fixture
def ledger(settings: Settings, cluster: str) -> Iterator[Ledger]:
    with Ledger(settings, cluster) as opened:
        yield opened


def _ids(count: int) -> list[bytes]:
    salt = str(uuid4())
    return [digest(salt, str(number)) for number in range(count)]


def _sql(settings: Settings, statement: str, cluster: str) -> None:
    with psycopg.connect(settings.postgres.address, autocommit=True) as connection:
        connection.execute(statement, (cluster,))


def test_an_id_is_admitted_once(ledger: Ledger) -> None:
    ids = _ids(4)
    first = ledger.admit([ids[0], ids[1], ids[0]], OFFSETS)
    assert first.new == set(ids[:2])
    assert first.chunk is not None
    ledger.confirm(first.chunk)
    second = ledger.admit(ids, OFFSETS)
    assert (second.new, second.contested) == (set(ids[2:]), set())
    assert ledger.admit(ids, OFFSETS) == Admission(None, frozenset(), frozenset())


def test_ids_of_another_topic_are_others() -> None:
    assert digest("topic-a", "e1") != digest("topic-b", "e1")
    assert len(digest("topic-a", "e1")) == 16


def test_what_a_living_owner_has_not_confirmed_is_contested(settings: Settings, cluster: str, ledger: Ledger) -> None:
    ids = _ids(3)
    with Ledger(settings, cluster) as other:
        held = other.admit(ids[:2], OFFSETS)
        asked = ledger.admit(ids, OFFSETS)
        assert (asked.new, asked.contested) == ({ids[2]}, set(ids[:2]))
        _sql(settings, "UPDATE ingest_chunk SET created = now() - interval '1 hour' WHERE cluster = %s", cluster)
        assert ledger.recover(lambda _: []) == Recovery()
        assert held.chunk is not None
        other.confirm(held.chunk)
        assert ledger.admit(ids[:2], OFFSETS) == Admission(None, frozenset(), frozenset())


def test_a_chunk_left_behind_is_settled_by_what_kafka_holds(settings: Settings, cluster: str, ledger: Ledger) -> None:
    ids = _ids(5)
    asked: list[object] = []
    with Ledger(settings, cluster) as other:
        other.admit(ids, OFFSETS)

    def published(offsets: object) -> list[bytes]:
        asked.append(offsets)
        return [*ids[:2], *_ids(1)]

    assert ledger.recover(published) == Recovery(chunks=1, kept=2, released=3)
    assert asked == [OFFSETS]
    assert ledger.admit(ids, OFFSETS).new == set(ids[2:])


def test_an_owner_elsewhere_is_given_time(settings: Settings, cluster: str, ledger: Ledger) -> None:
    ids = _ids(1)
    with Ledger(settings, cluster) as other:
        other.admit(ids, OFFSETS)
    _sql(settings, "UPDATE ingest_chunk SET abandoned = false, host = 'far' WHERE cluster = %s", cluster)
    assert ledger.recover(lambda _: []) == Recovery()
    _sql(settings, "UPDATE ingest_chunk SET created = now() - interval '1 hour' WHERE cluster = %s", cluster)
    assert ledger.recover(lambda _: []).released == 1


def test_chunks_of_another_cluster_are_left(settings: Settings, cluster: str, ledger: Ledger) -> None:
    with Ledger(settings, f"{cluster}-other") as other:
        other.admit(_ids(1), OFFSETS)
    assert ledger.recover(lambda _: []) == Recovery()


def test_a_chunk_that_was_taken_over_cannot_be_confirmed(settings: Settings, cluster: str, ledger: Ledger) -> None:
    chunk = ledger.admit(_ids(1), OFFSETS).chunk
    assert chunk is not None
    _sql(settings, "DELETE FROM ingest_chunk WHERE cluster = %s", cluster)
    with pytest.raises(StoreError, match="taken over"):
        ledger.confirm(chunk)


def test_owners_at_once_share_the_ids_without_overlap(settings: Settings, cluster: str) -> None:
    ids = _ids(3_000)
    admitted: list[frozenset[bytes]] = []

    def work(start: int) -> None:
        with Ledger(settings, cluster) as ledger:
            for _ in range(3):
                admission = ledger.admit(ids[start:] + ids[:start], OFFSETS)
                admitted.append(admission.new)
                if admission.chunk is not None:
                    ledger.confirm(admission.chunk)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(0, 2_000, 500), timeout=60))
    assert sorted(id_ for new in admitted for id_ in new) == sorted(ids)


def test_a_server_that_does_not_answer_is_one_line() -> None:
    away = load(environ={}, flags={"postgres.port": 1, "postgres.timeout_s": 2})
    with pytest.raises(StoreError, match="helix up") as error:
        Ledger(away, "cluster")
    assert "\n" not in str(error.value)
