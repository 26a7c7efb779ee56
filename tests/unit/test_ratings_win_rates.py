"""Win rates: figures worked by hand, and both sides of the same preferences."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.ratings.intervals import wilson
from helix_pipeline.domain.ratings.win_rates import SUMS, WIN_RATES, win_rates

preferences = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1) | st.just(0.5)), max_size=20)


def sums(rows):
    """Preferences as (model, value), added up by model."""
    values = {model: [value for name, value in rows if name == model] for model in sorted({name for name, _ in rows})}
    each = [
        {
            "model": model,
            "n": len(given),
            "wins": sum(value > 0.5 for value in given),
            "ties": given.count(0.5),
            "points": sum(given),
            "squares": sum(value * value for value in given),
        }
        for model, given in values.items()
    ]
    return pa.Table.from_pylist(each, SUMS)


def rates(rows, level=0.95):
    return {row["model"]: row for row in win_rates(sums(rows), level).to_pylist()}


def test_rates_are_those_worked_by_hand():
    """Deviations from 0.6 are .4, .3, -.1, -.6: their squares add up to .62; and .62 / 3 / 4 is the squared error."""
    found = rates([("m", 1.0), ("m", 0.9), ("m", 0.5), ("m", 0.0)])["m"]
    assert found["n"] == 4
    assert found["win_rate"] == pytest.approx(0.6)
    assert found["standard_error"] == pytest.approx((0.62 / 12) ** 0.5)
    assert found["discrete_win_rate"] == pytest.approx(2.5 / 4)
    assert (found["low"], found["high"]) == pytest.approx(wilson(2.4, 4))


def test_one_preference_has_no_standard_error():
    assert rates([("m", 0.3)])["m"]["standard_error"] is None


def test_a_level_sets_the_width():
    assert rates([("m", 1.0)], level=0.5)["m"]["low"] > rates([("m", 1.0)], level=0.9)["m"]["low"]


def test_equal_preferences_have_no_error():
    assert rates([("m", 0.1)] * 30)["m"]["standard_error"] == pytest.approx(0, abs=1e-9)


def test_nothing_gives_an_empty_table():
    assert win_rates(SUMS.empty_table()).equals(WIN_RATES.empty_table())


@settings(deadline=None)
@given(preferences)
def test_the_other_side_has_the_rest(rows):
    ours, theirs = rates(rows), rates([(model, 1 - value) for model, value in rows])
    assert ours.keys() == theirs.keys()
    for model, row in ours.items():
        assert row["win_rate"] + theirs[model]["win_rate"] == pytest.approx(1)
        assert 0 <= row["low"] <= row["win_rate"] + 1e-12
        assert row["win_rate"] <= row["high"] + 1e-12 <= 1 + 1e-12
