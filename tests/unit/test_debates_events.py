"""Debate events become turns, sides and verdicts; margins and preferences are about the side that spoke first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from helix_pipeline.domain.debates.events import EVENTS, SIDES, VERDICTS_GIVEN, sides, turns, verdicts_given

START = datetime(2026, 6, 1, tzinfo=UTC)
Fields = dict[str, Any]


def event(kind: str, debate: str = "d", **fields: Any) -> Fields:
    return {"debate_id": debate, "event_type": f"debate.{kind}", "topic": f"topic of {debate}", **fields}


def turn(number: int, name: str, content: str = "abc", debate: str = "d", **fields: Any) -> Fields:
    said = {"participant": name, "position": f"for {name}", "model": f"model {name}", "content": content}
    return event("turn", debate, turn=number, round=(number + 1) // 2, **said, **fields)


def judged(winner: str | None, debate: str = "d", **fields: Any) -> Fields:
    return {**event("judged", debate, judge="judge", winner=winner, **fields), "topic": None}


def table(*events: Fields) -> pa.Table:
    rows = [{**found, "event_id": f"e{n}", "timestamp": START + timedelta(seconds=n)} for n, found in enumerate(events)]
    return pa.Table.from_pylist(rows, EVENTS)


def test_the_first_two_to_speak_are_the_sides():
    found = sides(table(turn(3, "a", "four"), turn(1, "b"), turn(2, "a"), turn(4, "c"), turn(1, "x", debate="alone")))
    (row,) = found.to_pylist()
    assert found.schema == SIDES
    assert (row["debate_id"], row["topic"]) == ("d", "topic of d")
    assert [row[f"first_{name}"] for name in ("participant", "position", "model", "length")] == [
        "b", "for b", "model b", 3,
    ]  # fmt: skip
    assert (row["second_participant"], row["second_length"]) == ("a", 7)


def test_a_length_that_is_given_counts_before_the_text():
    (row,) = sides(table(turn(1, "a", "", characters=900), turn(2, "b", "abcd"))).to_pylist()
    assert (row["first_length"], row["second_length"]) == (900, 4)


def test_turns_come_in_order_and_nothing_else():
    found = turns(table(turn(2, "b"), event("started"), turn(1, "a"), judged("a"), turn(1, "z", debate="c")))
    assert found["participant"].to_pylist() == ["z", "a", "b"]


@pytest.mark.parametrize(("named", "margin", "preference"), [(["a", "b"], 2.0, 0.7), (["b", "a"], -2.0, 0.3)])
def test_margins_are_turned_round_where_the_other_is_named_first(named, margin, preference):
    talk = (event("started", participants=named), turn(1, "a"), turn(2, "b"))
    (row,) = verdicts_given(table(*talk, judged("a", margin=2.0, preference=0.7))).to_pylist()
    assert (row["first_participant"], row["margin"], row["preference"]) == ("a", margin, pytest.approx(preference))


def test_without_a_start_margins_are_about_the_first_to_speak():
    (row,) = verdicts_given(table(turn(1, "a"), turn(2, "b"), judged("a", margin=2.0))).to_pylist()
    assert row["margin"] == 2.0


def test_the_end_gives_the_verdict_where_no_judge_does():
    talk = [turn(n, name, debate=debate) for debate in "xy" for n, name in ((1, "a"), (2, "b"))]
    ends = [event("completed", debate, winner="b") for debate in "xy"]
    found = verdicts_given(table(*talk, *ends, judged("a", "y"), judged(None, "y")))
    assert found.schema == VERDICTS_GIVEN
    assert [(row["debate_id"], row["judge"], row["winner"]) for row in found.to_pylist()] == [
        ("x", None, "b"),
        ("y", "judge", "a"),
        ("y", "judge", None),
    ]


def test_a_verdict_on_fewer_than_two_sides_has_none():
    (row,) = verdicts_given(table(turn(1, "a"), judged("a"))).to_pylist()
    assert (row["winner"], row["first_participant"], row["second_model"]) == ("a", None, None)


def test_no_events_give_empty_tables():
    empty = EVENTS.empty_table()
    assert sides(empty).equals(SIDES.empty_table())
    assert verdicts_given(empty).equals(VERDICTS_GIVEN.empty_table())
    assert turns(empty).num_rows == 0
