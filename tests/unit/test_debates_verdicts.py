"""Verdicts: winner, majority, disagreement and records as counted by hand; the judges' baseline leaves one out."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.contracts.job_tables.debates import DEBATE_POSITIONS
from helix_pipeline.domain.debates.verdicts import (
    JUDGMENTS,
    VERDICTS,
    others_majority,
    records,
    side_bias,
    verdicts,
)

votes = st.lists(st.sampled_from(["pro", "con", None]), min_size=1, max_size=6)


def judged(*rows: tuple[str, str | None, float | None]) -> pa.Table:
    """Judgments as (debate, winner, margin), one judge after the other."""
    found = [{"debate_id": d, "judge": f"j{n}", "winner": w, "margin": m} for n, (d, w, m) in enumerate(rows)]
    return pa.Table.from_pylist(found, JUDGMENTS)


def decided(*rows: tuple[str, str | None, float | None]) -> list[dict[str, object]]:
    table = judged(*rows)
    found = verdicts(table, pa.repeat("pro", len(table)), pa.repeat("con", len(table)))
    assert found.schema == VERDICTS
    return found.to_pylist()


def test_a_debate_of_three_judges_by_hand():
    (row,) = decided(("d", "pro", 1.0), ("d", "pro", 2.0), ("d", "con", -6.0))
    assert (row["judges"], row["votes_first"], row["votes_second"]) == (3, 2, 1)
    assert row["margin"] == -1.0
    assert row["margin_spread"] == pytest.approx((38 / 3) ** 0.5)
    assert row["disagreement"] == pytest.approx(2 / 3)
    assert (row["majority"], row["winner"]) == ("pro", "con")


def test_votes_decide_where_margins_give_nothing():
    first, second, third = decided(("a", "con", None), ("b", "pro", 1.5), ("b", "con", -1.5), ("c", "pro", 0.0))
    assert (first["winner"], first["margin"]) == ("con", None)
    assert (second["winner"], second["majority"], second["disagreement"]) == (None, None, 1.0)
    assert (third["winner"], third["disagreement"]) == ("pro", None)


def test_draws_are_a_verdict_of_their_own():
    (row,) = decided(("d", None, 0.0), ("d", None, 0.0), ("d", "pro", 1.0))
    assert row["disagreement"] == pytest.approx(2 / 3)
    assert row["majority"] == "pro"


def test_debates_come_in_order_and_none_gives_none():
    assert [row["debate_id"] for row in decided(("b", "pro", 1.0), ("a", "con", -1.0), ("b", "pro", 1.0))] == ["a", "b"]
    assert decided() == []


@settings(deadline=None)
@given(votes)
def test_disagreement_is_the_share_of_pairs_that_differ(given):
    (row,) = decided(*(("d", vote, None) for vote in given))
    pairs = [a != b for n, a in enumerate(given) for b in given[:n]]
    assert row["disagreement"] == (pytest.approx(np.mean(pairs)) if pairs else None)


@settings(deadline=None)
@given(votes)
def test_other_judges_never_hear_themselves(given):
    table = judged(*(("d", vote, None) for vote in given))
    heard = others_majority(table, pa.repeat("pro", len(table)))
    for n, value in enumerate(heard):
        others = [vote for vote in given[:n] + given[n + 1 :] if vote]
        lead = others.count("pro") - others.count("con")
        assert np.isnan(value) if not others else value == (np.sign(lead) + 1) / 2


def test_other_judges_are_those_of_the_same_debate():
    table = judged(("a", "pro", 1.0), ("b", "con", -1.0), ("a", "con", -1.0))
    np.testing.assert_array_equal(others_majority(table, pa.repeat("pro", 3)), [0.0, np.nan, 1.0])


def test_side_bias_by_hand():
    found = side_bias({"pro": 9, "con": 1})
    assert (found["position"], found["debates"], found["share"]) == ("pro", 10, 0.9)
    assert found["p"] == pytest.approx(22 / 1024)
    assert found["low"] < 0.9 < found["high"]


def test_side_bias_of_equals_and_of_nothing():
    assert side_bias({"pro": 1, "con": 1})["p"] == 1.0
    found = side_bias({})
    assert found == {
        "position": "",
        "debates": 0,
        "share": 0.5,
        "low": pytest.approx(0.0),
        "high": pytest.approx(1.0),
        "p": 1.0,
    }


def test_the_best_of_a_position_is_not_who_won_its_only_debate():
    counts = [("con", "good", 1, 0), ("pro", "lucky", 1, 1), ("pro", "good", 20, 19), ("con", "poor", 20, 1)]
    names = ("position", "model", "debates", "wins")
    found = records(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in counts]))
    assert found.schema == DEBATE_POSITIONS.schema
    rows = [(row["position"], row["model"], row["win_rate"], row["best"]) for row in found.to_pylist()]
    assert rows[:2] == [("con", "poor", 0.05, True), ("con", "good", 0, False)]
    assert rows[2:] == [("pro", "good", 0.95, True), ("pro", "lucky", 1, False)]
    low, high = found["low"].to_pylist(), found["high"].to_pylist()
    assert (low[2], high[2]) == pytest.approx((0.7639, 0.9911), abs=1e-4)


def test_no_participation_has_no_record():
    assert records(DEBATE_POSITIONS.schema.empty_table()).equals(DEBATE_POSITIONS.schema.empty_table())
