"""Outcomes of debates: who won by which provider, whatever the order, the number and the lateness of the events."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.topics import DEBATES
from helix_pipeline.settings import load
from helix_pipeline.stores import warehouse, warehouse_migrations
from helix_pipeline.stores.debate_outcomes import MOST_IDS, settle

pytestmark = pytest.mark.servers

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = datetime.now(UTC)
FOUND = "SELECT participant, provider, won, decided, turns, rounds FROM debate_outcomes FINAL ORDER BY participant"

COUNTED = """
SELECT toStartOfHour(ended_at) AS time, provider, count(), countIf(won), countIf(leads), countIf(leads AND decided)
FROM debate_outcomes FINAL GROUP BY time, provider ORDER BY time, provider
"""
HOURS = """
SELECT time, provider, debates, wins, ended, decisions
FROM debate_outcomes_hourly FINAL WHERE debates > 0 ORDER BY time, provider
"""


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
    """Return the outcomes, from which the counts of the hours must not differ."""
    assert hours(house) == house.query(COUNTED).result_rows
    return list(house.query(FOUND).result_rows)


def hours(house: Client) -> list[tuple]:
    return list(house.query(HOURS).result_rows)


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


def test_hours_count_the_debates_that_ended_in_them(house: Client):
    put(
        house,
        turn("A", "anthropic", 0),
        turn("B", "openai", 1),
        end("A", 2),
        *other("e", "B", 2),
        *other("f", None, 90),
    )
    assert hours(house) == [
        (naive(NOON), "anthropic", 2, 1, 2, 2),
        (naive(NOON), "openai", 2, 1, 0, 0),
        (naive(NOON) + timedelta(hours=1), "anthropic", 1, 0, 1, 0),
        (naive(NOON) + timedelta(hours=1), "openai", 1, 0, 0, 0),
    ]
    assert outcomes(house)


def test_an_hour_forgets_a_provider_that_was_named_by_mistake(house: Client):
    put(house, turn("A", "antropic", 0), end("A", 1))
    assert [row[1:4] for row in hours(house)] == [("antropic", 1, 1)]
    put(house, turn("A", "anthropic", 2))
    assert [row[1:4] for row in hours(house)] == [("anthropic", 1, 1)]
    assert outcomes(house)


def test_debates_of_one_hour_that_are_written_at_once_are_all_counted(house: Client):
    debates = [other(f"d{number}", "A", 2) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda events: put(house, *events), debates))
    assert [row[1:] for row in hours(house)] == [("anthropic", 24, 24, 24, 24), ("openai", 24, 0, 0, 0)]
    assert outcomes(house)


def test_a_count_of_an_hour_that_knows_fewer_events_does_not_stand_though_it_is_written_later(house: Client):
    put(house, turn("A", "anthropic", 0), end("A", 1))
    counted = hours(house)
    house.command(
        "INSERT INTO debate_outcomes_hourly"
        " SELECT * REPLACE (9 AS wins, events - 1 AS events) FROM debate_outcomes_hourly FINAL"
    )
    assert hours(house) == counted


def test_the_migration_counts_the_hours_that_there_are(house: Client):
    put(house, turn("A", "anthropic", 0), end("A", 1), *other("e", "B", 2))
    counted = hours(house)
    house.command("TRUNCATE TABLE debate_outcomes_hourly")
    assert not hours(house)
    every = warehouse_migrations.migrations(load(environ={}))
    count = next(text for one in every for text in one.statements if text.startswith("INSERT INTO debate_outcomes_h"))
    for _ in range(2):
        house.command(count)
        assert hours(house) == counted


def other(debate_id: str, winner: str | None, minute: int) -> list[dict[str, Any]]:
    """A debate of two turns that ends at a minute after noon."""
    events = [turn("A", "anthropic", 0), turn("B", "openai", 1), end(winner, minute)]
    return [one | {"debate_id": debate_id} for one in events]


def naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
