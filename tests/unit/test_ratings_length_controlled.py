"""Length-controlled win rates: the bias they remove is planted, and what must not change them does not."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from helix_pipeline.domain.ratings.length_controlled import (
    LENGTH_CONTROLLED,
    length_controlled_win_rates,
    standardised_lead,
)

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("instruction", pa.string()),
        ("preference", pa.float64()),
        ("length", pa.int64()),
        ("baseline_length", pa.int64()),
    ]
)
INSTRUCTIONS = 400


def preferences(effects, leads, length_effect, seed=0):
    """Preferences of models of known effects whose answers are longer by `leads` on average (in 500 characters)."""
    chance, rows = np.random.default_rng(seed), []
    difficulty = chance.normal(0, 1, INSTRUCTIONS)
    for model, (effect, lead) in enumerate(zip(effects, leads, strict=True)):
        longer = chance.normal(lead, 1, INSTRUCTIONS)
        logits = effect + length_effect * np.tanh(longer / longer.std()) + difficulty
        for number in range(INSTRUCTIONS):
            length = int(5000 + 500 * longer[number])
            rows.append((f"m{model}", f"i{number}", float(chance.random() < expit(logits[number])), length, 5000))
    return table(rows), [expit(effect + difficulty).mean() for effect in effects]


def table(rows):
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def controlled(found):
    return dict(zip(found["model"].to_pylist(), found["length_controlled_win_rate"].to_numpy(), strict=True))


def mean_preference(found, model):
    return np.mean([row["preference"] for row in found.to_pylist() if row["model"] == model])


def replaced(found, **columns):
    return pa.table({name: columns.get(name, found[name]) for name in found.column_names})


def test_equal_models_of_unequal_length_come_out_equal():
    found, truth = preferences([0, 0, 0], [-1, 0, 1], length_effect=1.5)
    assert mean_preference(found, "m2") - mean_preference(found, "m0") > 0.25
    rates = length_controlled_win_rates(found)
    assert rates["length_controlled_win_rate"].to_numpy() == pytest.approx(truth, abs=0.05)
    assert rates["length_effect"].to_numpy().mean() == pytest.approx(1.5, abs=0.3)
    assert rates["n"].to_pylist() == [INSTRUCTIONS] * 3


def test_a_better_model_that_is_terse_comes_before_a_verbose_one():
    found, truth = preferences([0.5, -0.5], [-1, 1], length_effect=1.5)
    assert mean_preference(found, "m0") < mean_preference(found, "m1")
    rates = controlled(length_controlled_win_rates(found))
    assert rates["m0"] > rates["m1"]
    assert list(rates.values()) == pytest.approx(truth, abs=0.06)


def test_without_a_difference_in_length_it_is_the_win_rate():
    """At its optimum a logistic regression with a constant predicts the mean."""
    found, _ = preferences([0.4, -1], [0, 0], length_effect=1)
    even = replaced(found, length=found["baseline_length"])
    rates = controlled(length_controlled_win_rates(even))
    assert list(rates.values()) == pytest.approx([mean_preference(even, model) for model in rates], abs=1e-3)


def test_the_other_side_has_the_rest():
    found, _ = preferences([0.4, -1, 0], [1, 0, -0.5], length_effect=1)
    other = replaced(
        found,
        preference=pa.array(1 - found["preference"].to_numpy()),
        length=found["baseline_length"],
        baseline_length=found["length"],
    )
    ours, theirs = controlled(length_controlled_win_rates(found)), controlled(length_controlled_win_rates(other))
    assert list(theirs.values()) == pytest.approx([1 - rate for rate in ours.values()], abs=1e-5)


def test_neither_order_of_rows_nor_unit_of_length_matters():
    found, _ = preferences([0.4, -1], [1, 0], length_effect=1)
    words = replaced(found, **{name: pa.array(found[name].to_numpy() * 7) for name in SCHEMA.names[3:]})
    shuffled = words.take(np.random.default_rng(1).permutation(words.num_rows))
    wanted = list(controlled(length_controlled_win_rates(found)).items())
    assert list(controlled(length_controlled_win_rates(shuffled)).items()) == [
        (model, pytest.approx(rate, abs=1e-5)) for model, rate in wanted
    ]


def test_models_come_in_order():
    rows = [("b", "i", 1.0, 5, 5), ("a", "i", 0.0, 5, 5), ("c", "i", 1.0, 5, 5)]
    assert list(controlled(length_controlled_win_rates(table(rows)))) == ["a", "b", "c"]


def test_the_baseline_against_itself_is_even():
    assert controlled(length_controlled_win_rates(table([("m", f"i{n}", 0.5, 90, 90) for n in range(5)]))) == {"m": 0.5}


def test_one_preference_alone_is_taken_as_it_is():
    rate = controlled(length_controlled_win_rates(table([("m", "i", 0.8, 900, 100)])))["m"]
    assert rate == pytest.approx(0.8, abs=0.02)


def test_rows_with_a_null_are_left_out():
    rows = [("m", f"i{n}", (n % 3) / 2, 100 + n, 100) for n in range(9)]
    incomplete = [("m", "i1", None, 1, 1), ("m", "i2", 1.0, None, 1), ("n", None, 1.0, 1, 1)]
    assert length_controlled_win_rates(table(rows + incomplete)).equals(length_controlled_win_rates(table(rows)))


def test_nothing_gives_an_empty_table():
    assert length_controlled_win_rates(table([])).equals(LENGTH_CONTROLLED.empty_table())


def test_preferences_out_of_range_are_refused():
    with pytest.raises(ValueError, match="shares"):
        length_controlled_win_rates(table([("m", "i", 1.5, 1, 2)]))


def test_leads_are_standardised_by_model():
    """The deviation of -10 and 30 is 20; that of -1, 0 and 1 is the root of 2/3."""
    found = standardised_lead(np.array([0, 1, 0, 1, 1]), np.array([-10.0, -1, 30, 0, 1]))
    assert found == pytest.approx(np.tanh([-0.5, -(1.5**0.5), 1.5, 0, 1.5**0.5]))


def test_a_lead_that_never_varies_corrects_nothing():
    assert standardised_lead(np.array([0, 0, 1]), np.array([40.0, 40, -7])) == pytest.approx([0, 0, 0])
