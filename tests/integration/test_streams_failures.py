"""A store that is away: its query is started again until it is back, or ends in one line when it stays away."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.errors import StreamError
from helix_pipeline.local import servers
from helix_pipeline.services.progress import read_progress
from helix_pipeline.services.streaming import run
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, warehouse, warehouse_migrations

pytestmark = [pytest.mark.spark, pytest.mark.servers]

QUERY = "warehouse.conversation_messages"
AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
WAIT_S = 90


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """The running servers, with a home and a database of the test's own and a short patience."""
    database = f"failures_{uuid4().hex}"
    house = settings.clickhouse.model_copy(update={"database": database, "timeout_s": 5.0})
    made = settings.model_copy(update={"home": tmp_path, "clickhouse": house})
    warehouse_migrations.migrate(made)
    return made


@pytest.fixture
def clickhouse(settings: Settings) -> Iterator["Switch"]:
    """ClickHouse, to be taken away; it is back after the test."""
    yield Switch(settings)
    servers.up(settings, ["clickhouse"])


class Switch:
    """Turns ClickHouse off and on again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def off(self) -> None:
        (status,) = servers.down(self._settings, ["clickhouse"])
        assert status.state == "stopped"

    def on(self) -> None:
        servers.up(self._settings, ["clickhouse"])


def publish(settings: Settings, prefix: str, numbers: range) -> list[str]:
    """Publish messages with these numbers; returns their event ids."""
    producer = bus.EventProducer(settings)
    for number in numbers:
        event = MessageAdded(
            event_id=f"{prefix}-{number:02}",
            timestamp=AT + timedelta(seconds=number),
            conversation_id=f"{prefix}-c{number % 3}",
            message_id=f"{prefix}-m{number}",
            sequence=number,
            role="user",
            content="hello",
        )
        producer.publish(CONVERSATIONS.name, event.key, event.model_dump_json(exclude_none=True).encode())
    producer.flush(30)
    return [f"{prefix}-{number:02}" for number in numbers]


def stored(settings: Settings, prefix: str) -> list[str]:
    query = "SELECT event_id FROM conversation_messages WHERE startsWith(event_id, {p:String}) ORDER BY event_id"
    with warehouse.client(warehouse.open_warehouse(settings)) as client:
        return [row[0] for row in client.query(query, parameters={"p": prefix}).result_rows]


def failures(settings: Settings) -> int:
    return sum(state["failures"] for state in read_progress(settings) if state["query"] == QUERY)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_a_query_goes_on_when_its_store_is_back(own, clickhouse, spark):
    prefix = uuid4().hex[:8]
    first = publish(own, prefix, range(6))
    run(spark, own, [QUERY], until_caught_up=True)
    assert stored(own, prefix) == first
    assert failures(own) == 0
    second = publish(own, prefix, range(6, 15))
    clickhouse.off()
    streams = threading.Thread(target=run, args=(spark, own, ["warehouse"], True), daemon=True)
    streams.start()
    wait_for(lambda: failures(own) >= 1)
    clickhouse.on()
    streams.join(WAIT_S)
    assert not streams.is_alive()
    assert stored(own, prefix) == first + second
    (state,) = [state for state in read_progress(own) if state["query"] == QUERY]
    assert (state["state"], state["written"] >= len(second)) == ("stopped", True)


def test_a_query_whose_store_stays_away_ends_in_one_line(own, clickhouse, spark):
    publish(own, uuid4().hex[:8], range(3))
    patience = own.model_copy(update={"streams": own.streams.model_copy(update={"restart_limit": 0})})
    clickhouse.off()
    with pytest.raises(StreamError) as caught:
        run(spark, patience, [QUERY], until_caught_up=True)
    message = str(caught.value)
    assert message.startswith(f"query {QUERY} failed 1 times in a row: ")
    assert f"ClickHouse at 127.0.0.1:{own.clickhouse.port} does not answer" in message
    assert "\n" not in message
    assert failures(own) == 1
    assert not spark.streams.active
