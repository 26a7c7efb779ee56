"""The index and its signals, on a conversation of two sessions, and what holds for any conversation."""

import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.domain.context.retrieval.dialogue import SHORT_SESSION
from helix_pipeline.domain.context.retrieval.embedding import static_embedding
from helix_pipeline.domain.context.retrieval.index import Index, build
from helix_pipeline.domain.context.retrieval.ranking import shipped_ranking
from helix_pipeline.domain.context.retrieval.signals import MOST_TERMS, question, signals
from helix_pipeline.domain.context.text import analyse

START = datetime(2023, 5, 7, 12, tzinfo=UTC)

SAID = [
    ("Anna", "1", "Hi Ben! How was your week?"),
    ("Ben", "1", "Great, I adopted a puppy from the shelter in Porto."),
    ("Anna", "1", "Lovely! I signed up for a pottery class last Tuesday."),
    ("Ben", "2", "Did you finish the bowl?"),
    ("Anna", "2", "Yes, it took three days and the glaze is blue."),
    ("Ben", "2", "My dog ate 2 shoes."),
]


def conversation(said: list[tuple[str | None, str | None, str]]) -> pa.Table:
    """Return messages a minute apart, each new session a month later."""
    sessions = list(dict.fromkeys(session for _, session, _ in said))
    rows = [
        {
            "conversation_id": "c",
            "event_id": f"e{place:04}",
            "message_id": f"m{place}",
            "sequence": place,
            "timestamp": START + timedelta(days=31 * sessions.index(session), minutes=place),
            "role": "user",
            "name": name,
            "user_id": "u",
            "session": session,
            "content": text,
        }
        for place, (name, session, text) in enumerate(said)
    ]
    return pa.Table.from_pylist(rows, CONVERSATION)


def index_of(said: list[tuple[str | None, str | None, str]], embedded: np.ndarray | None = None) -> Index:
    messages = conversation(said)
    return build(messages, analyse(messages["content"].combine_chunks()), embedded)


@pytest.fixture(scope="module")
def index() -> Index:
    return index_of(SAID)


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("What did Ben adopt?", 1),
        ("When did Anna start pottery?", 2),
        ("Which colour is the glaze?", 4),
        ("What did the dog eat?", 5),
        ("What happened to the shoes?", 5),
    ],
)
def test_the_message_that_answers_is_the_best(index, question, place):
    assert np.argmax(index.scores(question)) == place


def test_scores_are_probabilities_in_float64(index):
    scores = index.scores("What did Ben adopt?")
    assert scores.dtype == np.float64
    assert scores.shape == (len(SAID),)
    assert ((scores > 0) & (scores < 1)).all()
    assert scores[1] > 10 * index.scores("Who mended the carburettor?").max()


def test_words_count_by_their_nearest_word_in_the_message(index):
    words = signals(index, "Where is the dog?")["words"]
    assert words[5] == pytest.approx(1)
    assert words[1] > words[2]
    assert 0.2 < words[1] < 1


def test_the_nearest_word_counts_whatever_others_a_message_has():
    words = signals(index_of([("A", "1", "A cat, a dog and a puppy"), ("B", "1", "A puppy")]), "dogs?")["words"]
    assert words[0] == pytest.approx(1)
    assert 0.2 < words[1] < 1


def test_meaning_is_the_cosine_of_the_sums_of_the_words():
    dog, glaze, good = static_embedding().words(["dog", "glaze", "good"])
    meaning = signals(index_of([("A", "1", "The good dog: a good dog"), ("B", "1", "No!")]), "Which glaze?")["meaning"]
    said = 2 * (good + dog)
    assert meaning.tolist() == pytest.approx([said @ glaze / np.linalg.norm(said) / np.linalg.norm(glaze), 0], abs=1e-5)


def test_a_word_that_nobody_said_lowers_the_share(index):
    alone, beside = (signals(index, question) for question in ("the glaze?", "the glaze, quixotically?"))
    assert beside["bm25"][4] < 0.6 * alone["bm25"][4]


def test_a_named_speaker_is_preferred_and_is_no_word_to_look_for(index):
    of_anna = signals(index, "What did Anna say?")
    assert of_anna["speaker"].tolist() == [1, 0, 1, 0, 1, 0]
    assert not of_anna["words"].any()
    assert np.argmax(index.scores("What did anna's mother say?")) in (0, 2, 4)


@pytest.mark.parametrize("question", ["What did Anna and Ben do?", "What was said?", "what did annabel do?"])
def test_who_names_both_or_nobody_prefers_nobody(index, question):
    assert not signals(index, question)["speaker"].any()


def test_roles_are_no_names():
    index = index_of([(None, "1", "The user interface is blue."), ("Ben", "1", "I like it.")])
    found = signals(index, "Which colour has the user interface?")
    assert not found["speaker"].any()
    assert found["words"][0] > 0.6


def test_of_a_long_question_the_rarest_words_count():
    said = " ".join(f"tall{number}" for number in range(200))
    index = index_of([("A", "1", "A rare orchid"), ("B", "1", said), ("A", "1", said), ("B", "1", said)])
    asked = question(index, f"{said} orchid?")
    assert len(asked.numbers) == len(asked.vectors) == MOST_TERMS
    assert index.terms["orchid"] in asked.numbers


def test_a_stop_word_names_nobody_unless_it_is_written_as_a_name():
    index = index_of([("Will", "1", "I left."), ("May", "1", "I stayed.")])
    assert signals(index, "will they leave?")["speaker"].tolist() == [0, 0]
    assert signals(index, "Why did Will leave?")["speaker"].tolist() == [1, 0]


def test_messages_of_a_named_date_are_preferred(index):
    dated = signals(index, "What was new in June 2023?")["date"]
    assert dated.tolist()[3:] == [1, 1, 1]
    assert max(dated[:3]) < 0.2
    scores = index.scores("What did Anna make in June 2023?")
    assert np.argmax(scores) == 4


def test_neighbours_are_those_of_the_same_session(index):
    found = signals(index, "puppy, pottery, bowl, glaze, shoe")
    words = found["words"]
    assert all(words[1:] > 0)
    assert found["words_before"].tolist() == pytest.approx([0, words[0], words[1], 0, words[3], words[4]])
    assert found["words_after"].tolist() == pytest.approx([words[1], words[2], 0, words[4], words[5], 0])
    assert found["words_two_before"].tolist() == pytest.approx([0, 0, words[0], 0, 0, words[3]])
    assert found["words_two_after"].tolist() == pytest.approx([words[2], 0, 0, words[5], 0, 0])
    assert found["words_session_most"].tolist() == pytest.approx([max(words[:3])] * 3 + [max(words[3:])] * 3)
    assert found["words_session_mean"].tolist() == pytest.approx(
        [sum(words[:3]) / SHORT_SESSION] * 3 + [sum(words[3:]) / SHORT_SESSION] * 3
    )


def test_a_session_is_as_like_as_all_its_messages_together(index):
    assert signals(index, "puppies and pottery")["session_bm25"].tolist() == [1, 1, 1, 0, 0, 0]
    both = signals(index, "pottery with blue glaze")["session_bm25"]
    assert 0 < both[0] == both[2] < both[3] == both[5] == 1


def test_the_answer_to_a_message_that_repeats_the_question_is_a_reply(index):
    reply = signals(index, "Is the bowl finished?")["reply"]
    assert np.flatnonzero(reply).tolist() == [4]
    told = signals(index, "Who adopted a puppy?")
    assert told["words_before"][2] > 0 == told["reply"][2]


def test_traits_say_what_a_message_is_like(index):
    traits = index.traits
    assert traits["asks"].tolist() == [1, 0, 0, 1, 0, 0]
    assert traits["number"].tolist() == [0, 0, 0, 0, 1, 1]
    assert traits["time"].tolist() == [1, 0, 1, 0, 1, 0]
    assert traits["early"].tolist() == [1, 1, 0, 1, 1, 0]
    assert traits["log_words"][5] == pytest.approx(np.log1p(5))
    assert traits["log_names"].tolist()[:2] == pytest.approx([0, np.log1p(1)])


def test_the_ranking_knows_every_signal(index):
    assert set(shipped_ranking().weights) == set(signals(index, "Why?"))


def test_vectors_of_a_sentence_model_take_the_place_of_the_static_ones():
    vectors = np.eye(len(SAID), dtype=np.float32)
    index = index_of(SAID, vectors * np.arange(1, 7, dtype=np.float32)[:, None])
    own, given_ = signals(index, "the glaze"), signals(index, "the glaze", 0.8 * vectors[2] + 0.6 * vectors[5])
    assert np.argmax(own["meaning"]) == 4
    assert np.argmax(given_["meaning"]) == 2
    assert given_["meaning"].mean() == pytest.approx(own["meaning"].mean(), abs=1e-6)
    assert given_["meaning"].std() == pytest.approx(own["meaning"].std(), abs=1e-6)
    assert given_["words"].tolist() == own["words"].tolist()


def test_an_index_is_the_same_after_pickling(index):
    again = pickle.loads(pickle.dumps(index))
    assert again.scores("What did Ben adopt?").tolist() == index.scores("What did Ben adopt?").tolist()


def test_no_messages_have_no_scores():
    assert index_of([]).scores("Who?").shape == (0,)


@pytest.mark.parametrize("text", ["", "?!", "of the", "   "])
@pytest.mark.parametrize("question", ["", "of the", "Who painted it?"])
def test_messages_and_questions_without_words_have_scores(text, question):
    assert np.isfinite(index_of([(None, None, text)]).scores(question)).all()


messages = st.lists(
    st.tuples(st.sampled_from(["Anna", "Ben", None]), st.sampled_from(["1", "2", None]), st.text(max_size=40)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(messages, st.text(max_size=40))
def test_any_conversation_and_question_have_probabilities_again_the_same(said, question):
    scores = index_of(said).scores(question)
    assert scores.shape == (len(said),)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores.tolist() == index_of(said).scores(question).tolist()


def test_a_message_alone_in_its_session_is_found_by_its_word():
    """Its own likeness is the mean of its session, which speaks against a message in a long one."""
    said = [("Anna", "1", "We talked about the weather and the news.")] * 30 + [("Ben", "2", "I decided to use Redis.")]
    messages = conversation(said)
    found = build(messages, analyse(messages["content"].combine_chunks())).scores("Redis")
    assert found.argmax() == 30 and found[30] > 10 * found[:30].max()
