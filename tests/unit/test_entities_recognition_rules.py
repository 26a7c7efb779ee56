"""Dates and numbers: what is one, what belongs to it, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.recognition import rules


def found(text):
    return [(span.surface, span.type, span.subtype) for span in rules.recognise([text])]


@pytest.mark.parametrize(
    "date",
    [
        *(
            "2023-05-07",
            "2023-05-07T10:22:33Z",
            "May 7th, 2023",
            "7 May 2023",
            "the 3rd of March",
            "Sept 3",
            "05/12/2023",
        ),
        *("last Tuesday", "next week", "two weeks ago", "yesterday", "Monday morning", "June", "1990s", "this weekend"),
    ],
)
def test_dates(date):
    assert found(f"It was {date}, I think") == [(date, "DATE", "date")]


@pytest.mark.parametrize("time", ["10:30", "10:30 am", "5pm", "23:59:59", "noon"])
def test_times(time):
    assert found(f"Come at {time} (or not)") == [(time, "DATE", "time")]


@pytest.mark.parametrize(
    "quantity",
    ["3.5 GB", "200 ms", "$20", "$1.5 million", "50 %", "5%", "64-bit", "20°C", "two hours", "1,200 km", "€3"],
)
def test_quantities_keep_their_unit(quantity):
    assert found(f"It takes {quantity}, more or less") == [(quantity, "NUMBER", "unit")]


@pytest.mark.parametrize("number", ["7", "1,000", "3.14", "-5"])
def test_plain_numbers(number):
    assert found(f"There are {number} of them.") == [(number, "NUMBER", "")]


@pytest.mark.parametrize(
    "text",
    [
        *("Python3 and foo-2", "v2.1.0 or 2.1.0", "http://x.org/2023/05/07", "I may go", "we march on", "192.168.0.1"),
        *("the sun sat there", "a1b2", "#42", ""),
    ],
)
def test_what_is_neither(text):
    assert found(text) == []


def test_years_are_dates_and_other_numbers_are_not():
    assert found("in 2019 or 3019") == [("2019", "DATE", "date"), ("3019", "NUMBER", "")]


@given(
    st.lists(
        st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from("12:.-/ MayGB$%apm\n"), max_size=30), max_size=4
    )
)
def test_spans_cut_the_text_they_name(texts):
    for span in rules.recognise(texts):
        assert span.surface == texts[span.row][span.start : span.end] != ""
        assert 0 < span.confidence <= 1
