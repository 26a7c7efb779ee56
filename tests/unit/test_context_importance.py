"""The importance of sentences: trees and weights by hand, features of small dialogues, and what the weights prefer."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from context_tables import conversation, conversations
from hypothesis import given, settings

from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.domain.context.engine import analysed
from helix_pipeline.domain.context.features import Column, features, turns
from helix_pipeline.domain.context.importance import Model, Tree, importance, shipped
from helix_pipeline.domain.context.layout import laid_out
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.domain.context.words import Words
from helix_pipeline.domain.context.worth import asked, ranks, unasked

STUMP = Tree(((0, 1.0, 0b01),), (10.0, 20.0))


def columns_of(messages: pa.Table) -> dict[str, Column]:
    text = analyse(messages["content"].combine_chunks())
    return features(text, Words(text), turns(messages), {"oslo": 2.0})


def test_a_tree_sends_each_row_to_its_leaf() -> None:
    """Leaves a, b, c: column 0 up to 1 goes to a, else column 1 up to 5 to b, else to c."""
    tree = Tree(((1, 5.0, 0b010), (0, 1.0, 0b001)), (1.0, 2.0, 4.0))
    total = np.zeros(4, np.float32)
    tree.add_to(total, np.array([[1, 1, 2, 2], [0, 9, 5, 6]], np.float32))
    assert total.tolist() == [1, 1, 2, 4]


def test_the_model_is_the_geometric_mean_of_its_halves() -> None:
    """Of 9 bounded to 4: linear 2 * sqrt(4) + 0.5 = 4.5, trees 20; of 1: 2.5 and 10; the level is 1."""
    model = Model(("words",), (0.0,), (4.0,), (2.0,), {}, (STUMP,), 1.0)
    columns = {"words": np.array([9, 1], np.float32), "known": np.array([0.5, 0.5], np.float32)}
    assert np.log(model.expected(columns)) == pytest.approx([4.5 / 2 + 20 / 2 + 1, 2.5 / 2 + 10 / 2 + 1])


def test_a_model_reads_what_training_writes() -> None:
    text = '{"columns":["a"],"lowest":[0],"highest":[4],"weights":[2],"known":{"b":1},'
    assert Model.parse(f'{text}"trees":[[[[0,1,1]],[10,20]]],"level":1}}') == Model(
        ("a",), (0,), (4,), (2,), {"b": 1}, (STUMP,), 1
    )


def test_the_shipped_columns_are_those_that_are_computed() -> None:
    assert set(shipped().columns) | {"known"} == set(columns_of(conversation(("Ann", "Hi."))))


def test_columns_count_what_a_sentence_says() -> None:
    columns = columns_of(conversation(("Ann", "Wow, Bo! We love Oslo, did you go there on 3 May?"), ("Bo", "Yes.")))
    expected = {"reaction": [1, 1, 1], "addressed": [1, 0, 0], "question": [0, 1, 0], "number": [0, 1, 0]}
    expected |= {
        "month": [0, 1, 0],
        "name": [0, 1, 0],
        "preference": [0, 1, 0],
        "known": [0, 2, 0],
        "words": [2, 10, 1],
    }
    assert {name: columns[name].tolist() for name in expected} == expected


def test_novelty_tells_new_words_from_those_that_come_again() -> None:
    filler = [("Ann", "Yes.")] * 22
    columns = columns_of(conversation(("Ann", "Zebra."), ("Bo", "Zebra."), *filler, ("Ann", "Zebra. Apple.")))
    assert np.flatnonzero(columns["new"]).tolist() == [0, 2, 25]
    assert np.flatnonzero(columns["said_just_now"]).tolist() == [1, *range(3, 24)]
    assert np.flatnonzero(columns["said_long_ago"]).tolist() == [24]
    assert np.flatnonzero(columns["comes_back"]).tolist() == [1]
    assert columns["said_once"].nonzero()[0].tolist() == [25]


def test_context_tells_answers_and_reactions() -> None:
    columns = columns_of(conversation(("Ann", "Where is Bo?"), ("Bo", "In Oslo."), ("Bo", "Here."), ("Ann", "Wow!")))
    assert columns["answers"].tolist() == [0, 1, 0, 0]
    assert columns["is_asked_about"].tolist() == [0, 0, 0, 0]
    assert columns["reaction_after"].tolist() == [0, 0, 1, 0]
    assert columns["session_place"].tolist() == [0, 1, 2, 3]


def test_who_goes_on_or_comes_back_later_answers_nothing() -> None:
    goes_on = conversation(("Ann", "Where?"), ("Ann", "Oslo."))
    comes_back = conversation(("Ann", "Where?"), ("Bo", "Oslo."), every=timedelta(hours=5))
    assert columns_of(goes_on)["answers"].tolist() == columns_of(comes_back)["answers"].tolist() == [0, 0]


def test_a_long_silence_begins_a_session() -> None:
    messages = conversation(*[("Ann", "Yes.")] * 3, every=timedelta(hours=5))
    assert turns(messages).begins.tolist() == [True, True, True]
    assert turns(messages.slice(0, 0)).begins.tolist() == []


def test_what_is_told_is_more_important_than_what_is_exclaimed() -> None:
    known = analysed(
        conversation(
            ("Ann", "Hey Bo! Good to see you!"),
            ("Bo", "I moved to Oslo last month because my sister works there."),
            ("Ann", "Wow, that's great! I'm so happy for you!"),
            ("Bo", "Thanks, Ann!"),
        )
    )
    assert known.text.sentences[int(known.importance.argmax())].as_py().startswith("I moved to Oslo")
    assert known.importance.max() > 3 * np.median(known.importance)


def test_ranks_are_the_share_that_is_no_more_important() -> None:
    assert ranks(np.array([1.0, 1.0, 3.0]), np.array([0, 1, 1]), 3).tolist() == [2 / 3, 1, 1 / 3]
    assert ranks(np.array([1.0, 1.0, 3.0]), np.array([0, 1, 2]), 3).tolist() == [2 / 3, 2 / 3, 1]


def test_sentences_of_unimportant_messages_are_worth_half() -> None:
    worth = unasked(np.array([4.0, 2.0, 1.0]), np.array([0, 1, 2]), 0.6)
    assert worth.tolist() == [4, 2, 0.5]


def test_a_query_lifts_relevant_messages_and_their_neighbours() -> None:
    messages = conversation(*[("Ann", f"Word{place} there.") for place in range(6)])
    text = analyse(messages["content"].combine_chunks())
    layout = laid_out(messages, text, counter("estimate"))
    worth = asked(np.array([0, 0, 0, 0.8, 0, 0.1]), np.ones(6), layout, 1)
    assert worth == pytest.approx([0, 0, 0.64, 0.64, 0.64, 0.01])


@settings(max_examples=60, deadline=None)
@given(conversations(min_size=0))
def test_importance_of_any_text_is_finite_and_none_for_white_space(messages: pa.Table) -> None:
    text = analyse(messages["content"].combine_chunks())
    words = Words(text)
    found = importance(text, words, turns(messages))
    has_word = np.bincount(text.piece_sentence[words.is_word[text.piece]], minlength=len(text.sentences)) > 0
    assert np.isfinite(found).all()
    assert ((found > 0) == has_word).all()
