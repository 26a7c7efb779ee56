"""Probabilities of spans: the chain's, beside the sum over all ways to tag a text."""

from itertools import pairwise, product

import numpy as np
import pytest

from helix_pipeline.domain.entities.recognition.crf import Chain, candidates
from helix_pipeline.domain.entities.recognition.scoring import tagged_spans

TAGS = ("O", "B-0", "I-0", "B-1", "I-1")


def chain(random):
    first, transitions = random.normal(size=5), random.normal(size=(5, 5))
    for tag, name in enumerate(TAGS):
        if name.startswith("I"):
            first[tag] = -30
            transitions[[before for before, other in enumerate(TAGS) if other[2:] != name[2:]], tag] = -30
    return Chain(first.astype(np.float32), transitions.astype(np.float32))


def by_enumeration(emissions, chain):
    """Return the probability of each span of one text, from all ways to tag it."""
    weights = {}
    for tags in product(range(5), repeat=len(emissions)):
        scores = chain.first[tags[0]] + sum(emissions[place, tag] for place, tag in enumerate(tags))
        weights[tags] = np.exp(float(scores + sum(chain.transitions[pair] for pair in pairwise(tags))))
    total, spans = sum(weights.values()), {}
    for tags, weight in weights.items():
        for start, end, label in tagged_spans([TAGS[tag] for tag in tags]):
            spans[start, end, int(label)] = spans.get((start, end, int(label)), 0) + weight / total
    return spans


def test_probabilities_are_those_of_all_ways_to_tag():
    random = np.random.default_rng(1)
    known, lengths = chain(random), np.array([3, 1, 4])
    emissions = (2 * random.normal(size=(8, 5))).astype(np.float32)
    found = candidates(emissions, lengths, known, 1e-6)
    given = dict(
        zip(
            zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True),
            found.probability.tolist(),
            strict=True,
        )
    )
    expected = {}
    for begin, length in zip([0, 3, 4], lengths, strict=True):
        for (start, end, label), probability in by_enumeration(emissions[begin : begin + length], known).items():
            expected[begin + start, begin + end, label] = probability
    assert given == pytest.approx({span: one for span, one in expected.items() if one >= 1e-6}, abs=1e-5)


def test_only_probable_spans_are_given():
    random = np.random.default_rng(2)
    known, emissions = chain(random), random.normal(size=(40, 5)).astype(np.float32)
    every, some = (candidates(emissions, np.array([25, 15]), known, least) for least in (1e-3, 0.2))
    assert sorted(some.probability.tolist()) == sorted(one for one in every.probability.tolist() if one >= 0.2)


def test_no_texts_have_no_spans():
    none = candidates(np.zeros((0, 5), np.float32), np.zeros(0, np.int64), chain(np.random.default_rng(3)), 0.1)
    assert len(none.start) == len(none.probability) == 0


def test_long_texts_keep_their_probabilities():
    random = np.random.default_rng(4)
    emissions = (5 * random.normal(size=(3000, 5))).astype(np.float32)
    found = candidates(emissions, np.array([3000]), chain(random), 0.01)
    assert np.isfinite(found.probability).all()
    assert 0 < found.probability.max() <= 1 + 1e-5
