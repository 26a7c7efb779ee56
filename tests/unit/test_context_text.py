"""Texts as columns of sentences and pieces: the same as the plain definitions, for any text."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helix_pipeline.domain.context.text import analyse, count_tokens
from helix_pipeline.domain.context.tokens import PIECE, count

TEXTS = st.lists(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab'. \n_19。!?\"\x1e\ue000"))))


def parts(texts: list[str]) -> list[list[str]]:
    """The sentences of each text."""
    found = analyse(pa.array(texts, pa.string()))
    split: list[list[str]] = [[] for _ in texts]
    for place, sentence in zip(found.text_of.tolist(), found.sentences.to_pylist(), strict=True):
        split[place].append(sentence)
    return split


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("  \n ", ["  \n "]),
        ("One", ["One"]),
        ("One. Two!  Three? Four… Five", ["One. ", "Two!  ", "Three? ", "Four… ", "Five"]),
        ('He said "yes." Then 3.5 left.', ['He said "yes." ', "Then 3.5 left."]),
        ("first line\n\n  second line", ["first line\n\n  ", "second line"]),
        ("今日。明日", ["今日。", "明日"]),
        ("Wait... what", ["Wait... ", "what"]),
    ],
)
def test_sentences_end_where_a_reader_sees_them_end(text: str, sentences: list[str]) -> None:
    assert parts([text, "x"]) == [sentences, ["x"]]


@given(TEXTS)
def test_sentences_joined_are_the_texts(texts: list[str]) -> None:
    assert ["".join(sentences) for sentences in parts(texts)] == texts


@given(TEXTS)
def test_pieces_and_tokens_are_those_of_each_sentence_alone(texts: list[str]) -> None:
    found = analyse(pa.array(texts, pa.string()))
    pieces: list[list[str]] = [[] for _ in found.sentences]
    for number, place in zip(found.piece.tolist(), found.piece_sentence.tolist(), strict=True):
        pieces[place].append(found.vocabulary[number])
    assert pieces == [PIECE.findall(sentence) for sentence in found.sentences.to_pylist()]
    assert found.tokens.tolist() == [count(sentence) for sentence in found.sentences.to_pylist()]


@example(["!。!", "。'a", ""])
@given(TEXTS)
def test_the_tokens_of_a_text_are_those_of_its_pieces_whatever_sentences_cut(texts: list[str]) -> None:
    assert count_tokens(pa.array(texts, pa.string())).tolist() == [count(text) for text in texts]


def test_equal_pieces_have_one_number_wherever_they_are() -> None:
    found = analyse(pa.array(["don't stop. Don't", "stop"]))
    assert found.vocabulary == ["don", "'t", "stop", ".", "Don"]
    assert found.piece.tolist() == [0, 1, 2, 3, 4, 1, 2]
    assert found.piece_sentence.tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert found.text_of.tolist() == [0, 0, 1]
