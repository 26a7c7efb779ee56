"""Win rates: figures worked by hand, parts that add up, and preferences that are missing or wrong."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.ratings.intervals import wilson
from helix_pipeline.domain.ratings.win_rates import SUMS, WIN_RATES, preference_sums, win_rates

preferences = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 1) | st.just(0.5)), max_size=20)


def table(rows):
    schema = pa.schema([("model", pa.string()), ("preference", pa.float64())])
    return pa.Table.from_pylist([{"model": model, "preference": value} for model, value in rows], schema)


def rates(rows, level=0.95):
    return {row["model"]: row for row in win_rates(preference_sums(table(rows)), level).to_pylist()}


def test_rates_are_those_worked_by_hand():
    """Deviations from 0.6 are .4, .3, -.1, -.6: their squares add up to .62; and .62 / 3 / 4 is the squared error."""
    found = rates([("m", 1.0), ("m", 0.9), ("m", 0.5), ("m", 0.0)])["m"]
    assert found["n"] == 4
    assert found["win_rate"] == pytest.approx(0.6)
    assert found["standard_error"] == pytest.approx((0.62 / 12) ** 0.5)
    assert found["discrete_win_rate"] == pytest.approx(2.5 / 4)
    assert (found["low"], found["high"]) == pytest.approx(wilson(2.4, 4))


def test_models_come_in_order_and_apart():
    found = rates([("b", 1.0), ("a", 0.0), ("b", 1.0)])
    assert list(found) == ["a", "b"]
    assert [row["win_rate"] for row in found.values()] == [0, 1]


def test_one_preference_has_no_standard_error():
    assert rates([("m", 0.3)])["m"]["standard_error"] is None


def test_a_level_sets_the_width():
    assert rates([("m", 1.0)], level=0.5)["m"]["low"] > rates([("m", 1.0)], level=0.9)["m"]["low"]


def test_equal_preferences_have_no_error():
    assert rates([("m", 0.1)] * 30)["m"]["standard_error"] == pytest.approx(0, abs=1e-9)


def test_missing_preferences_do_not_count():
    assert rates([("m", 1.0), ("m", None), ("n", None)]) == rates([("m", 1.0)])


def test_nothing_gives_empty_tables():
    sums = preference_sums(table([]))
    assert sums.equals(SUMS.empty_table())
    assert win_rates(sums).equals(WIN_RATES.empty_table())


@settings(deadline=None)
@given(preferences, st.integers(0, 20))
def test_sums_of_parts_add_up(rows, cut):
    whole = preference_sums(table(rows)).to_pylist()
    parts = pa.concat_tables([preference_sums(table(rows[:cut])), preference_sums(table(rows[cut:]))])
    added = parts.group_by("model").aggregate([(name, "sum") for name in SUMS.names[1:]])
    added = added.rename_columns(SUMS.names).sort_by("model").to_pylist()
    assert len(added) == len(whole)
    assert all(one == pytest.approx(other) for one, other in zip(added, whole, strict=True))


@settings(deadline=None)
@given(preferences)
def test_the_other_side_has_the_rest(rows):
    ours, theirs = rates(rows), rates([(model, None if value is None else 1 - value) for model, value in rows])
    assert ours.keys() == theirs.keys()
    for model, row in ours.items():
        assert row["win_rate"] + theirs[model]["win_rate"] == pytest.approx(1)
        assert 0 <= row["low"] <= row["win_rate"] + 1e-12
        assert row["win_rate"] <= row["high"] + 1e-12 <= 1 + 1e-12


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_preferences_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="between 0 and 1"):
        preference_sums(table([("m", 0.5), ("m", value)]))
