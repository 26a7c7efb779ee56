"""Sparklines."""

from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.cli.analytics_output import WIDTH, sparkline


def test_the_largest_is_full_and_nothing_is_blank():
    assert sparkline([0, 1, 4, 8]) == " ▂▅█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "


def test_many_values_are_added_up():
    assert sparkline([1] * 48 + [3] * 48, width=2) == "▃█"


@given(st.lists(st.floats(0, 1e9), max_size=200))
def test_a_line_is_never_wider_than_it_may_be(values: list[float]):
    assert len(sparkline(values)) == min(len(values), len(sparkline(values))) <= WIDTH
