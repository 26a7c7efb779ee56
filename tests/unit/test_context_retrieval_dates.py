"""Dates and sessions in questions, on a conversation of two years."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.context.retrieval.dates import DECAY_DAYS, nearness

DAYS = np.array(["2022-05-07", "2022-12-31", "2023-05-01", "2023-05-07", "2023-05-17", "2023-06-10"], "datetime64[D]")
SESSIONS = ["1", "2", "3", "3", None, "Kick-off"]


def near(question: str) -> list[int]:
    """Return the places of the messages that are within what the question names."""
    return np.flatnonzero(nearness(question, DAYS, SESSIONS) == 1).tolist()


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ("What did she do on 7 May 2023?", [3]),
        ("What did she do on May 7th, 2023?", [3]),
        ("On the 7th of May 2023, who called?", [3]),
        ("What happened on 2023-05-07?", [3]),
        ("What happened in 2023-05?", [2, 3, 4]),
        ("What did she do on May 7?", [0, 3]),
        ("What did he say in May 2023?", [2, 3, 4]),
        ("What did he say in may 2023?", [2, 3, 4]),
        ("What did he say in May?", [0, 2, 3, 4]),
        ("What did she paint in dec. 2022?", [1]),
        ("What happened in 2022?", [0, 1]),
        ("Was it May 2023 or June 10, 2023?", [2, 3, 4, 5]),
        ("What was said in session 3?", [2, 3]),
        ("What was said in session Kick?", []),
        ("May I know what he may march for?", []),
        ("Is 7 enough?", []),
        ("", []),
    ],
)
def test_messages_of_a_named_time_are_near(question, places):
    assert near(question) == places


def test_nearness_falls_with_the_days_on_both_sides():
    found = nearness("on 7 May 2023", DAYS, SESSIONS)
    assert found[2] == pytest.approx(np.exp(-6 / DECAY_DAYS))
    assert found[4] == pytest.approx(np.exp(-10 / DECAY_DAYS))
    assert found[3] > found[2] > found[4] > found[5] > found[0] > 0


def test_a_day_that_a_month_does_not_have_is_no_error():
    assert nearness("on 99 May 2023", DAYS, SESSIONS)[4] == pytest.approx(np.exp(-14 / DECAY_DAYS))
    assert near("on 0 May 2023") == [2]


def test_no_messages_are_near_nothing():
    assert nearness("in May 2023", DAYS[:0], []).shape == (0,)


@given(st.text(max_size=60))
def test_any_question_gives_a_share_for_each_message(question):
    found = nearness(f"{question} 3 May", DAYS, SESSIONS)
    assert found.shape == (6,)
    assert ((found >= 0) & (found <= 1)).all()
