"""The network: what a word is does not depend on the others, nor a text on those beside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.entities.recognition.crf import Chain
from helix_pipeline.domain.entities.recognition.features import BUCKETS, DENSE, HALF, features
from helix_pipeline.domain.entities.recognition.network import STRETCH, Convolution, Head, Network
from helix_pipeline.domain.entities.recognition.word_vectors import WORDS_KEPT, WordVectors

WORDS = st.lists(st.text(st.characters(exclude_categories=["Zs"]), min_size=1, max_size=40), min_size=1, max_size=8)
SIZE = 6


@pytest.fixture(scope="module")
def network():
    random = np.random.default_rng(5)

    def some(*shape):
        return random.normal(size=shape).astype(np.float32) / 3

    chain = Chain(some(5), some(5, 5))
    layers = [Convolution(some(3, SIZE, SIZE), some(SIZE), some(SIZE), some(SIZE), step) for step in (1, 2)]
    head = Head(some(SIZE, 5), some(SIZE, 5), some(SIZE, 5), some(5), chain)
    return Network(some(BUCKETS, 4), some(4 + DENSE, SIZE), some(SIZE), layers, {"head": head})


@settings(max_examples=40)
@given(WORDS)
def test_features_of_a_word_are_its_own(words):
    together = features(words)
    for number, word in enumerate(words):
        alone = features([word])
        assert abs(together.hashed[number] - alone.hashed).max() == 0
        assert (together.dense[number] == alone.dense[0]).all()


def test_features_tell_words_apart_and_fold_digits():
    found = features(["Python", "python", "v1.2", "v3.4", "a" * 100 + "b" * 100, "a" * 300 + "b" * 300])
    rows = [found.hashed[number].toarray().tobytes() for number in range(6)]
    assert rows[0] != rows[1]
    assert rows[2] == rows[3]
    assert rows[4] == rows[5]
    assert found.hashed[4].nnz <= 13 + 2 * (2 * HALF + 3)


def test_layers_are_those_of_their_definition(network):
    random = np.random.default_rng(6)
    vectors = np.abs(random.normal(size=(4, SIZE))).astype(np.float32)
    word = np.array([0, 1, 2, 3, 1])
    context = vectors[word]
    for layer in network.layers:
        seen = np.tile(layer.bias, (5, 1))
        for place in range(5):
            for tap, shift in enumerate((-layer.dilation, 0, layer.dilation)):
                if 0 <= place + shift < 5:
                    seen[place] += context[place + shift] @ layer.weights[tap]
        both = context + np.maximum(seen, 0)
        both = (both - both.mean(1, keepdims=True)) / np.sqrt(both.var(1, keepdims=True) + 1e-5)
        context = both * layer.gain + layer.shift
    head = network.heads["head"]
    text = np.tile(vectors[word].mean(0), (5, 1))
    expected = vectors[word] @ head.of_word + context @ head.of_context + text @ head.of_text + head.bias
    found = network.emissions(vectors, word, np.array([5]))["head"]
    assert found == pytest.approx(expected, abs=1e-5)


def test_texts_do_not_see_one_another(network):
    random = np.random.default_rng(7)
    vectors = network.word_vectors([f"word{number}x{number}" for number in range(50)])
    lengths = np.array([3, STRETCH + 100, 1, 40, STRETCH - 20, 7])
    word = random.integers(0, 50, int(lengths.sum()))
    together, first = network.emissions(vectors, word, lengths)["head"], 0
    for length in lengths.tolist():
        alone = network.emissions(vectors, word[first : first + length], np.array([length]))["head"]
        assert together[first : first + length] == pytest.approx(alone, abs=1e-5)
        first += length


def test_no_words_have_no_scores(network):
    vectors = np.zeros((0, SIZE), np.float32)
    assert network.emissions(vectors, np.zeros(0, np.int64), np.zeros(0, np.int64))["head"].shape == (0, 5)


def test_vectors_are_remembered_and_their_number_is_bounded():
    asked = []

    def compute(words):
        asked.append(list(words))
        return np.array([[len(word)] for word in words], np.float32)

    kept = WordVectors(compute, 1)
    assert kept.of(["a", "bb", "a"]).tolist() == [[1], [2], [1]]
    assert kept.of(["bb", "ccc"]).tolist() == [[2], [3]]
    assert asked == [["a", "bb"], ["ccc"]]
    many = [str(number) for number in range(WORDS_KEPT)]
    assert kept.of(many)[-1].tolist() == [len(many[-1])]
    assert kept.of([*many, "a"]).shape == (WORDS_KEPT + 1, 1)
    assert kept.of(["a"]).tolist() == [[1]]
    assert asked[-1] == ["a"]
