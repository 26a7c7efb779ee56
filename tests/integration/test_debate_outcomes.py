"""Outcomes of debates: who won by which provider, whatever the order, the number and the lateness of the events."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.topics import DEBATES
from helix_pipeline.stores import warehouse
from helix_pipeline.stores.debate_outcomes import MOST_IDS, settle

pytestmark = pytest.mark.servers

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = datetime.now(UTC)
FOUND = "SELECT participant, provider, won, decided, turns, rounds FROM debate_outcomes FINAL ORDER BY participant"


def turn(participant: str, provider: str, offset: int) -> dict[str, Any]:
    said = {"participant": participant, "provider": provider, "model": "m", "round": 1, "turn": offset, "content": "x"}
    return event("debate.turn", offset, **said)


def end(winner: str | None, offset: int, **more: Any) -> dict[str, Any]:
    return event("debate.completed", offset, **{"winner": winner, "round": 2, "consensus_reached": True, **more})


def event(event_type: str, offset: int, **fields: Any) -> dict[str, Any]:
    about = {"event_type": event_type, "event_id": uuid4().hex, "kafka_offset": offset, "debate_id": "d"}
    shared = {"schema_version": 1, "metadata": "{}", "topic": "t", "participants": [], "kafka_partition": 0}
    return shared | about | {"timestamp": NOON + timedelta(minutes=offset), "ingested_at": NOW} | fields


def put(house: Client, *events: dict[str, Any]) -> None:
    warehouse.insert(house, "debate_events", pa.Table.from_pylist(list(events), event_schema(DEBATES)), uuid4().hex)
    settle(house, sorted({one["debate_id"] for one in events}))


def outcomes(house: Client) -> list[tuple]:
    return list(house.query(FOUND).result_rows)


def test_the_winner_is_known_by_its_provider(house: Client):
    put(house, turn("A", "anthropic", 0), turn("B", "openai", 1), turn("A", "anthropic", 2), end("B", 3))
    assert outcomes(house) == [("A", "anthropic", False, True, 2, 2), ("B", "openai", True, True, 1, 2)]


def test_a_draw_is_not_decided_and_an_open_debate_has_no_outcome(house: Client):
    put(house, turn("A", "anthropic", 0), turn("B", "openai", 1))
    assert outcomes(house) == []
    put(house, end(None, 2))
    assert outcomes(house) == [("A", "anthropic", False, False, 1, 2), ("B", "openai", False, False, 1, 2)]


def test_the_order_of_blocks_and_repetitions_change_nothing(house: Client):
    events = [turn("A", "anthropic", 0), turn("B", "openai", 1), turn("B", "openai", 2), end("A", 3)]
    Random(7).shuffle(events)
    for one in events:
        put(house, one)
    settle(house, ["d", "d"])
    assert outcomes(house) == [("A", "anthropic", True, True, 1, 2), ("B", "openai", False, True, 2, 2)]
    count = "SELECT count(), countIf(won) FROM debate_outcomes FINAL"
    assert house.query(count).result_rows == [(2, 1)]


def test_a_late_turn_and_a_corrected_winner_take_the_place_of_the_first_outcome(house: Client):
    put(house, turn("A", "anthropic", 0), end("A", 1))
    put(house, turn("B", "openai", 2), end("B", 3, round=9))
    assert outcomes(house) == [("A", "anthropic", False, True, 1, 9), ("B", "openai", True, True, 1, 9)]
    ended = house.query("SELECT DISTINCT ended_at FROM debate_outcomes FINAL").result_rows
    assert ended == [((NOON + timedelta(minutes=1)).replace(tzinfo=None),)]


def test_more_debates_than_a_statement_takes_are_all_settled(house: Client):
    ids = [f"d{n}'\\{{x}}" for n in range(MOST_IDS + 3)]
    put(house, *(one | {"debate_id": id} for id in ids for one in (turn("A", "anthropic", 0), end("A", 1))))
    assert house.query("SELECT count(), uniqExact(debate_id) FROM debate_outcomes FINAL").result_rows == [
        (len(ids), len(ids))
    ]


def test_an_outcome_that_knows_fewer_events_does_not_stand_though_it_is_written_later(house: Client):
    put(house, turn("A", "anthropic", 0), turn("B", "openai", 1), end("A", 2))
    known = outcomes(house)
    house.command(
        "INSERT INTO debate_outcomes SELECT * REPLACE (NOT won AS won, events - 1 AS events) FROM debate_outcomes"
    )
    assert outcomes(house) == known
    assert house.query("SELECT DISTINCT events FROM debate_outcomes FINAL").result_rows == [(3,)]
