"""Names, numbers, dates, decisions, preferences and commitments, found in sentences by hand and in any text."""

import numpy as np
import pyarrow as pa
import pytest
from context_tables import TEXT, WORDS
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.context.facts import (
    COMMITMENT,
    DATE,
    DECISION,
    ENTITY,
    KINDS,
    NUMBER,
    PREFERENCE,
    Facts,
    facts,
    names,
)
from helix_pipeline.domain.context.text import Text, analyse
from helix_pipeline.domain.context.words import Words, stem


def read(*texts: str) -> tuple[Text, Words, Facts]:
    text = analyse(pa.array(texts, pa.string()))
    words = Words(text)
    return text, words, facts(text, words)


def stated(kind: int, *texts: str) -> list[list[str]]:
    """Return the words of a kind that each sentence states, in lower case."""
    text, words, found = read(*texts)
    spelled = dict(zip(words.form.tolist(), words.lower, strict=True))
    rows = [[] for _ in range(len(text.sentences))]
    for sentence, term in zip(found.sentence[found.kind == kind], found.term[found.kind == kind], strict=True):
        rows[sentence].append(spelled[term])
    return rows


def test_a_name_has_a_capital_where_no_sentence_begins() -> None:
    said = ("We met Ludmilla in Oslo.", "Ludmilla left. The boat is red.", "I saw The boat", "Suddenly Ludmilla sang.")
    assert stated(ENTITY, *said) == [["ludmilla", "oslo"], ["ludmilla"], [], [], ["ludmilla"]]


def test_a_word_that_is_mostly_written_small_is_no_name() -> None:
    assert stated(ENTITY, "We sold the Boat.", "A boat is a boat.") == [[], []]


def test_a_name_makes_no_name_of_the_message_before() -> None:
    said = ("We sold the Boat", "Ludmilla left.", "I met Ludmilla by a boat, a boat.")
    assert stated(ENTITY, *said) == [[], ["ludmilla"], ["ludmilla"]]


def test_words_beside_a_name_are_part_of_it() -> None:
    text, words, _ = read("He flew to New York.", "It was a new plane to New York")
    assert names(text, words, np.ones(2), 5) == ["New York"]


def test_names_come_by_what_their_sentences_weigh() -> None:
    text, words, _ = read("We saw Oslo.", "We saw Paris.", "We saw Oslo.")
    assert names(text, words, np.array([1.0, 3.0, 1.0]), 5) == ["Paris", "Oslo"]
    assert names(text, words, np.array([1.0, 1.5, 1.0]), 1) == ["Oslo"]


def test_numbers_and_dates() -> None:
    said = ("We paid 300 on 3 May.", "Yesterday it was 300.", "On Monday in June.")
    assert stated(NUMBER, *said) == [["300", "3"], ["300"], []]
    assert stated(DATE, *said) == [[], ["yesterday"], ["monday", "june"]]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (DECISION, "We decided to use gRPC."),
        (PREFERENCE, "She prefers tea."),
        (COMMITMENT, "You must send it by noon."),
    ],
)
def test_sentences_that_say_what_is_decided_liked_or_owed(kind: int, sentence: str) -> None:
    _, _, found = read("It rains.", sentence)
    assert found.states(kind, 2).tolist() == [False, True]


def test_each_fact_counts_once_a_sentence() -> None:
    _, _, found = read("We love Oslo and Oslo likes us.")
    assert [KINDS[kind] for kind in found.kind] == ["entity", "preference"]


@pytest.mark.parametrize(
    ("words", "stemmed"),
    [
        (["love", "loves", "loved", "loving", "Lovingly"], "lov"),
        (["city", "cities"], "citi"),
        (["painting", "paintings", "paint"], "paint"),
        (["bus"], "bus"),
    ],
)
def test_forms_of_a_word_have_one_stem(words: list[str], stemmed: str) -> None:
    assert {stem(word) for word in words} == {stemmed}


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT | WORDS, max_size=8))
def test_facts_of_any_text_are_in_its_sentences_in_order(texts: list[str]) -> None:
    text, words, found = read(*texts)
    assert (np.diff(found.sentence) >= 0).all()
    assert set(found.sentence.tolist()) <= set(range(len(text.sentences)))
    assert set(found.kind.tolist()) <= set(range(len(KINDS)))
    assert len(words.named) == len(text.piece)
