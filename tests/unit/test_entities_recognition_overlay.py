"""Overlaid claims: which of those that overlap is kept."""

from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.recogniser import Span
from helix_pipeline.domain.entities.recognition.overlay import overlay


def claim(row, start, end, confidence, kind="TECH"):
    return Span(row, start, end, "x" * (end - start), kind, "", confidence)


CLAIMS = st.builds(
    lambda row, start, length, tenths: claim(row, start, start + length, tenths / 10),
    *(st.integers(0, 2), st.integers(0, 20), st.integers(1, 6), st.integers(1, 10)),
)


def test_the_longer_claim_wins_though_it_is_less_sure():
    long = claim(0, 0, 8, 0.5)
    assert overlay([claim(0, 4, 8, 0.9), long, claim(0, 0, 4, 0.9)]) == [long]


def test_of_claims_as_long_the_first_wins():
    first = claim(0, 2, 6, 0.5)
    assert overlay([first, claim(0, 0, 4, 0.9), claim(0, 4, 8, 0.6)]) == [first]


def test_a_claim_of_an_earlier_layer_wins():
    short = claim(0, 4, 6, 0.1)
    assert overlay([short], [claim(0, 0, 8, 0.9)]) == [short]


def test_neighbours_and_other_texts_stay():
    kept = [claim(0, 0, 4, 0.2), claim(0, 4, 8, 0.9), claim(1, 0, 8, 0.3)]
    assert overlay(kept[:1], reversed(kept[1:])) == kept


@given(st.lists(CLAIMS, max_size=20))
def test_what_is_kept_does_not_overlap_and_what_is_not_is_beaten(claims):
    kept = overlay(claims)
    for number, one in enumerate(kept):
        assert all(one.row != other.row or one.end <= other.start for other in kept[number + 1 :])
    for one in claims:
        rivals = [other for other in kept if other.row == one.row and one.start < other.end and other.start < one.end]
        assert any(rival.end - rival.start >= one.end - one.start for rival in rivals)
