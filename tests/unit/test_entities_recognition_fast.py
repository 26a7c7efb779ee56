"""The fast recogniser as it ships: what it finds in ordinary messages, in any text, and on dev."""

import pytest
from entity_data import CORPORA, sentences
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.entities import gazetteer, types
from helix_pipeline.domain.entities.recogniser import SPANS, Recogniser
from helix_pipeline.domain.entities.recognition import fast
from helix_pipeline.domain.entities.recognition.labels import TAG_SETS
from helix_pipeline.domain.entities.recognition.scoring import calibration_error, score

FLOORS = {"stackoverflow": 0.56, "wnut17": 0.42}
"""F1 on dev below which something broke."""

ANY = st.text(st.characters(codec="utf-8")) | st.text(
    st.sampled_from("aB3._-+#:/\\()<>@$&' \n\te\u0301你😀"), max_size=60
)
SPOKEN = st.sampled_from(["We moved from MySQL to PostgreSQL 16", "Anna met Bob in Paris on May 7th", "$5 per GB", ""])


@pytest.fixture(scope="module")
def recogniser():
    return fast.load()


def found(recogniser, text):
    return {(span["surface"], span["type"]) for span in recogniser.recognise([text]).to_pylist()}


def test_it_is_a_recogniser_with_a_version_of_its_weights_and_names(recogniser):
    assert isinstance(recogniser, Recogniser)
    assert recogniser.version.startswith("fast-")
    assert recogniser.version.endswith(gazetteer.load().version)


def test_names_dates_and_quantities_of_a_message(recogniser):
    text = "Last week John Smith from London moved our cluster to Kubernetes, it took 3.5 GB"
    assert found(recogniser, text) == {
        *(("Last week", "DATE"), ("John Smith", "PERSON"), ("London", "LOCATION"), ("Kubernetes", "TECH")),
        ("3.5 GB", "NUMBER"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "Hey! How was your weekend? We went hiking and it was so relaxing.",
        "Thanks a lot, that sounds great. See you then!",
        "I'd love to help you with that, what kind of food do you like?",
    ],
)
def test_small_talk_names_nothing(recogniser, text):
    assert found(recogniser, text) == set()


def test_numbers_name_nobody_and_no_place(recogniser):
    for text in ("I live at 1546 in 620, ask 457", "429, 504 and 913 went up by 12"):
        assert not {kind for _, kind in found(recogniser, text)} & {"PERSON", "LOCATION", "ORGANIZATION"}


@settings(max_examples=60)
@given(st.lists(ANY | SPOKEN, max_size=6))
def test_spans_cut_the_text_they_name_without_overlaps(recogniser, texts):
    table = recogniser.recognise(texts)
    assert table.schema == SPANS
    before = (0, 0)
    for span in table.to_pylist():
        assert span["surface"] == texts[span["row"]][span["start"] : span["end"]] != ""
        assert (span["row"], span["start"]) >= before
        assert span["type"] in types.TYPES
        assert 0 < span["confidence"] <= 1
        before = (span["row"], span["end"])


@settings(max_examples=40)
@given(st.lists(ANY | SPOKEN, min_size=1, max_size=6))
def test_how_texts_are_batched_changes_nothing(recogniser, texts):
    together = recogniser.recognise(texts).to_pylist()
    apart = [
        {**span, "row": row} for row, text in enumerate(texts) for span in recogniser.recognise([text]).to_pylist()
    ]
    assert together == [{**span, "confidence": pytest.approx(span["confidence"], abs=1e-3)} for span in apart]


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_weights_reach_a_floor_on_dev(recogniser, corpus, data):
    texts, tags = [one.spaced() for one in sentences(corpus, "dev", data)], CORPORA[corpus]
    spans, sure, right = [[] for _ in texts], [], []
    for row, start, end, label, confidence in recogniser.labelled([one.text for one in texts], tags):
        spans[row].append((start, end, label))
        sure.append(confidence)
        right.append((start, end, label) in texts[row].spans)
    assert score([one.spans for one in texts], spans).f1 >= FLOORS[corpus]
    assert calibration_error(sure, right) < 0.15


def test_all_tag_sets_are_answered(recogniser):
    assert recogniser.decoders.keys() == TAG_SETS.keys()
