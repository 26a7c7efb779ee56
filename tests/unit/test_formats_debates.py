"""Debates of several rounds, and pairwise preferences."""

import pytest
from formats_reading import events, jsonl, rejections

from helix_pipeline.contracts.events import DebateCompleted, DebateJudged, DebateStarted, DebateTurn


def _debate(*margins, **changes):
    turns = [
        {"turn": n + 1, "side": ("pro", "con")[n % 2], "kind": "k", "model": ("claude-x", "org/GPT-5")[n % 2],
         "words": 2, "content": f"point {n}"}
        for n in range(4)
    ]  # fmt: skip
    judgments = [
        {
            "judge": f"j{n}",
            "winner_side": "pro" if margin > 0 else "con" if margin else "tie",
            "margin_pro": margin,
        }
        for n, margin in enumerate(margins)
    ]
    record = {"debate_id": "d1", "topic_id": "t1", "proposition": "P", "pro": "claude-x", "con": "org/GPT-5"}
    return record | {"turns": turns, "judgments": judgments} | changes


def test_a_debate_in_all_its_events():
    found = events(jsonl([_debate(1.5, 2.0)]))
    assert [type(event) for event in found] == [
        DebateStarted, *[DebateTurn] * 4, DebateJudged, DebateJudged, DebateCompleted
    ]  # fmt: skip
    assert found[0].participants == ["pro", "con"]
    assert found[0].metadata["models"] == {"pro": "claude-x", "con": "org/GPT-5"}
    assert found[0].metadata["topic_id"] == "t1"
    turns = found[1:5]
    assert [(turn.round, turn.turn, turn.participant) for turn in turns] == [
        (1, 1, "pro"), (1, 2, "con"), (2, 3, "pro"), (2, 4, "con")
    ]  # fmt: skip
    assert [turn.provider for turn in turns[:2]] == ["anthropic", "openai"]
    assert (turns[3].content, turns[3].characters, turns[3].metadata["words"]) == ("point 3", 7, 2)
    assert [(one.judge, one.winner, one.margin) for one in found[5:7]] == [
        ("j0", "pro", 1.5),
        ("j1", "pro", 2.0),
    ]
    assert len({event.event_id for event in found}) == len(found)
    times = [event.timestamp for event in found]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("margins", "winner", "agreed"),
    [((1.0, 2.0), "pro", True), ((3.0, -1.0), "pro", False), ((1.0, -3.0), "con", False),
     ((-1.0,), "con", True), ((1.0, -1.0), None, False), ((0,), None, False), ((), None, False)],
)  # fmt: skip
def test_the_verdict(margins, winner, agreed):
    completed = events(jsonl([_debate(*margins)]))[-1]
    assert (completed.winner, completed.consensus_reached, completed.round) == (winner, agreed, 2)


def _preference(share, **changes):
    sides = [
        {"participant": "candidate", "model": "m1", "output_chars": 10},
        {"participant": "baseline", "model": "m2", "output_chars": 20},
    ]
    record = {"debate_id": "m1/0", "timestamp": "2026-02-01T00:00:00Z", "topic": "T", "participants": sides}
    return record | {"preference_for_candidate": share} | changes


@pytest.mark.parametrize(("share", "winner"), [(0.9, "candidate"), (0.1, "baseline"), (0.5, None), (1, "candidate")])
def test_a_preference(share, winner):
    found = events(jsonl([_preference(share)]))
    assert [type(event) for event in found] == [
        DebateStarted,
        DebateTurn,
        DebateTurn,
        DebateJudged,
        DebateCompleted,
    ]
    assert [(turn.content, turn.characters, turn.model) for turn in found[1:3]] == [
        ("", 10, "m1"),
        ("", 20, "m2"),
    ]
    assert (found[3].preference, found[3].winner, found[4].winner) == (share, winner, winner)
    assert found[4].consensus_reached is (winner is not None)


def test_what_is_refused():
    records = [
        _debate(1.0, turns=3),
        _debate(1.0, judgments=["x"]),
        _debate(1.0, timestamp="never"),
        _preference(1.5),
        _preference(0.5, participants=[1]),
        _debate(1.0, debate_id=None, turns=[], judgments=[]),
    ]
    found = [rejections(jsonl([record])) for record in records]
    assert [reasons[0][1] for reasons in found] == [
        "wrong type", "wrong type", "bad timestamp", "bad value", "wrong type", "wrong type"
    ]  # fmt: skip


def test_a_broken_turn_costs_itself_only():
    record = _debate(1.0)
    record["turns"][1]["content"] = None
    assert rejections(jsonl([record])) == [("line 1, debate.turn 2", "wrong type")]
