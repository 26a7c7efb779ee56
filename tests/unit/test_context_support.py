"""What a summary may say: only numbers, dates and names of its source; and what share of them it keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.context.support import share_of_facts, unsupported

SOURCE = """8 May 2023, Caroline: I went to the LGBTQ group on May 7th. It cost 1,200 dollars.
8 May 2023, Melanie: Wow, at 7:30? I may run on 3 June 2022.
9 May 2023, Caroline: Yes, in Paris, with Melanie."""


@pytest.mark.parametrize(
    ("summary", "foreign"),
    [
        ("", []),
        ("Caroline went to the LGBTQ group on 7 May at 7:30 and paid 1200 dollars.", []),
        ("Caroline went there on May 7, 2023.", []),
        ("Caroline said so on May 8 and on May 9th, 2023.", []),
        ("Later, Melanie's run is planned. However, Caroline was in Paris.", []),
        ("Caroline paid 1,300 dollars.", ["1300"]),
        ("Caroline paid 200 dollars at 30.", ["200", "30"]),
        ("Caroline went there on 3 May 2023.", ["3 May 2023"]),
        ("Melanie runs on 3 June 2023.", ["3 Jun 2023"]),
        ("Melanie runs on 7 June.", ["7 Jun"]),
        ("Melanie runs on June 3.", []),
        ("Melanie and Carlos were in Rome, and in Rome again.", ["Carlos", "Rome"]),
        ("Carlos went there.", ["Carlos"]),
        ("Melanie has 7:30 marbles on 8 mayonnaises.", []),
        ("Caroline met Mélanie.", ["Mélanie"]),
    ],
)
def test_only_what_the_source_has_is_supported(summary: str, foreign: list[str]) -> None:
    assert unsupported(summary, SOURCE) == foreign


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_a_text_supports_itself_and_keeps_all_its_facts(text: str) -> None:
    assert unsupported(text, text) == []
    assert share_of_facts(text, text) == 1.0


def test_the_share_counts_each_fact_as_often_as_the_source_states_it() -> None:
    source = "We met Ann in 1998. We saw Ann again. We left Rome."
    assert share_of_facts("We met Ann.", source) == pytest.approx(2 / 4)
    assert share_of_facts("We met Ann in 1998.", source) == pytest.approx(3 / 4)
    assert share_of_facts("We met.", source) == 0.0


def test_a_source_without_facts_is_kept_whole() -> None:
    assert share_of_facts("", "we met, and left again.") == 1.0
