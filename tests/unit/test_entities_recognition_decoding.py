"""How spans are read from scores, and how a model's spans go together with those of rules and names."""

import numpy as np
import pytest

from helix_pipeline.domain.entities.gazetteer import Gazetteer
from helix_pipeline.domain.entities.recognition.crf import Candidates, Chain
from helix_pipeline.domain.entities.recognition.decoding import Decoder, disjoint
from helix_pipeline.domain.entities.recognition.labels import GENERAL, SOFTWARE, TAG_SETS
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.tokens import tokenise

HALVED = {"least": 0.2, "probabilities": [0.0, 1.0], "confidences": [0.0, 0.5]}
AS_IT_IS = {"least": 0.2, "probabilities": [0.0, 1.0], "confidences": [0.0, 1.0]}


def chain(tags):
    size = len(tags.tags)
    return Chain(np.zeros(size, np.float32), np.zeros((size, size), np.float32))


def scores(tokens, tags, wanted):
    """Return scores that make certain the tags `wanted` of some tokens, and `O` of the others."""
    given = np.zeros((len(tokens), len(tags.tags)), np.float32)
    for place in range(len(tokens)):
        given[place, tags.tags.index(wanted.get(place, "O"))] = 20
    return given


def test_spans_come_in_order_with_their_places_and_calibrated_confidence():
    tokens = tokenise(["Ann Lee met Bob", "", "in Rome"])
    wanted = {0: "B-person", 1: "I-person", 3: "B-person", 5: "B-location"}
    found = Decoder.stored(chain(GENERAL), HALVED).found(tokens, scores(tokens, GENERAL, wanted))
    assert found.row.tolist() == [0, 0, 2]
    assert found.start.tolist() == [0, 12, 3]
    assert found.end.tolist() == [7, 15, 7]
    assert [list(GENERAL.kinds)[label] for label in found.label] == ["person", "person", "location"]
    assert found.confidence == pytest.approx([0.5] * 3, abs=1e-3)


def test_of_spans_that_overlap_the_more_probable_stays():
    spans = Candidates(*map(np.array, ([4, 0, 1, 5], [6, 2, 3, 7], [0, 0, 1, 0], [0.48, 0.4, 0.45, 0.2])))
    assert disjoint(spans).tolist() == [2, 0]


def test_dates_stand_and_bare_numbers_yield_to_names():
    wanted = {1: "B-Value", 3: "B-Application", 4: "I-Application"}

    def emissions(tokens):
        return {
            SOFTWARE.name: scores(tokens, SOFTWARE, wanted),
            GENERAL.name: scores(tokens, GENERAL, {3: "B-location"}),
        }

    decoders = {tags.name: Decoder.stored(chain(tags), AS_IT_IS) for tags in TAG_SETS.values()}
    names = Gazetteer("Windows\tTECH\toperating system\t\n")
    table = TaggedRecogniser("", emissions, decoders, names).recognise(["on 2026-07-30 for Windows 2000"])
    spans = [(one["surface"], one["type"], one["subtype"]) for one in table.to_pylist()]
    assert spans == [("2026-07-30", "DATE", "date"), ("Windows 2000", "TECH", "tool")]
