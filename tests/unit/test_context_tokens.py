"""Estimates of tokens: known texts, additivity, and where a text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.context.tokens import count, longest_prefix, prefix_that


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        (" \t ", 0),
        ("Hello, world!", 4),
        ("don't", 2),
        ("antidisestablishmentarianism", 5),
        ("kitchens", 1),
        ("languages", 1),
        ("basketball", 1),
        ("conversation", 2),
        ("7", 2),
        ("1234", 3),
        ("2 + 2 = 4", 8),
        ("...", 1),
        ("-----", 2),
        ("a\n\nb", 3),
        ("snake_case", 3),
        ("お誕生日おめでとう", 9),
        ("Grüße", 3),
        ("спасибо", 3),
        ("\U0001f600", 2),
    ],
)
def test_pieces_cost_what_their_length_says(text: str, tokens: int) -> None:
    assert count(text) == tokens


def test_english_prose_has_four_characters_and_three_quarters_of_a_word_to_a_token() -> None:
    """The rule of thumb that vendors publish, within a tenth."""
    text = (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
        "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
        "Darkness, it was the spring of hope, it was the winter of despair."
    )
    assert len(text) / count(text) == pytest.approx(4, rel=0.1)
    assert len(text.split()) / count(text) == pytest.approx(0.75, rel=0.15)


@given(st.lists(st.text(), max_size=5))
def test_texts_with_spaces_between_cost_their_sum(texts: list[str]) -> None:
    assert count(" ".join(texts)) == sum(map(count, texts))


@given(st.text(max_size=80), st.integers(0, 30))
def test_a_cut_text_is_never_over_its_limit(text: str, limit: int) -> None:
    end = longest_prefix(text, limit)
    assert count(text[:end]) <= limit
    assert end <= len(text)


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("one two three", 2, "one two"),
        ("one two, three", 2, "one"),
        ("one two, three", 3, "one two,"),
        ("one", 0, ""),
        ("one two", 9, "one two"),
        ("antidisestablishmentarianism", 4, ""),
        ("日" * 30, 4, "日" * 4),
        ("क्षि" * 10, 4, "क्षि"),
        ("क्षि" * 10, 5, "क्षि"),
        ("see 日" + "日" * 30, 4, "see 日日日"),
        ("one two three four five six", 5, "one two three four five"),
        ("one  ", 1, "one"),
        ("one", -1, ""),
    ],
)
def test_a_text_is_cut_after_a_word_or_a_letter_with_its_marks(text: str, limit: int, cut: str) -> None:
    assert text[: longest_prefix(text, limit)] == cut


def test_of_a_long_text_only_the_beginning_is_counted() -> None:
    asked: list[int] = []

    def fits(start: str) -> bool:
        asked.append(len(start))
        return len(start) <= 70

    assert prefix_that(fits, "word " * 100_000) == 69
    assert max(asked) <= 2 * 70 + 5
    assert len(asked) <= 12
