"""The share of the win that a verdict gives: by preference, by margin, or by the winner alone."""

import pyarrow as pa
import pytest

from helix_pipeline.domain.debates.events import VERDICTS_GIVEN
from helix_pipeline.domain.ratings.outcomes import OUTCOMES, outcomes


def decided(**verdict: object) -> tuple[float | None, float | None]:
    about = {"first_participant": "a", "second_participant": "b", "first_model": "m", "second_model": "n"}
    (row,) = outcomes(pa.Table.from_pylist([{**about, **verdict}], VERDICTS_GIVEN)).to_pylist()
    return row["lead"], row["share"]


@pytest.mark.parametrize(("winner", "lead", "share"), [("a", 1, 1), ("b", -1, 0), (None, 0, 0.5), ("c", None, None)])
def test_a_winner_alone_is_a_whole_win(winner, lead, share):
    assert decided(winner=winner) == (lead, share)


def test_a_margin_counts_before_the_winner_and_a_preference_before_both():
    assert decided(winner="a", margin=1.5) == (1, 0.75)
    assert decided(winner="a", margin=1.5, preference=0.6) == (1, 0.6)


def test_a_verdict_without_sides_decides_nothing():
    found = decided(winner="a", margin=1.0, first_participant=None, second_participant=None, first_model=None)
    assert found == (None, None)


def test_nothing_gives_an_empty_table():
    assert outcomes(VERDICTS_GIVEN.empty_table()).equals(OUTCOMES.empty_table())
