"""Exact counts against published examples, what adds up, where texts are cut, and names that are refused."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.context.encodings import ENCODINGS, ESTIMATE, TokenCounter, counter
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.errors import UsageError

EXACT = [name for name in ENCODINGS if name != ESTIMATE]
TEXTS = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("aB's 12.,!?\n\r\t。的éЖ\u0301<|>")), max_size=60
)


@pytest.fixture(params=ENCODINGS)
def counts_tokens(request: pytest.FixtureRequest) -> TokenCounter:
    return named(request.param)


def named(encoding: str) -> TokenCounter:
    if encoding != ESTIMATE:
        pytest.importorskip("bpe_openai")
    return counter(encoding)


@pytest.mark.parametrize(
    ("text", "cl100k", "o200k"),
    [
        ("", 0, 0),
        ("tiktoken is great!", 6, 6),
        ("hello world", 2, 2),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
    ],
)
def test_the_examples_of_the_vendors_cookbook_have_its_counts(text: str, cl100k: int, o200k: int) -> None:
    assert [named(encoding).count(text) for encoding in EXACT] == [cl100k, o200k]


@pytest.mark.parametrize("encoding", EXACT)
def test_what_looks_like_a_special_token_is_plain_text(encoding: str) -> None:
    assert named(encoding).count("<|endoftext|>") > 1


@pytest.mark.parametrize("encoding", EXACT)
def test_a_long_run_and_half_a_surrogate_pair_are_counted(encoding: str) -> None:
    counts = named(encoding)
    assert counts.count("A" * 1_000_000) < 200_000
    assert counts.count("a\ud800b") == counts.count("a\ufffdb")
    assert counts.longest_prefix("a\ud800 b", 100) == 4


@given(st.sampled_from(ENCODINGS), st.lists(st.none() | TEXTS, max_size=5))
def test_many_texts_count_as_each_alone(encoding: str, texts: list[str | None]) -> None:
    counts = named(encoding)
    found = counts.counts(pa.array(texts, pa.string()))
    assert found.dtype == np.int64
    assert found.tolist() == [counts.count(text or "") for text in texts]


WORDS = st.lists(
    st.sampled_from(["The", "boat,", "Ann's", "1998.", "red!", "left?", "\n", "  x.", "Grüße."]), max_size=20
)


@given(st.sampled_from(ENCODINGS), st.lists(WORDS.map(" ".join), max_size=4))
def test_sentences_between_white_space_add_up_to_their_text(encoding: str, texts: list[str]) -> None:
    counts = named(encoding)
    text = analyse(pa.array(texts, pa.string()))
    added = np.bincount(text.text_of, counts.of_sentences(text), len(texts))
    assert added.tolist() == [counts.count(one) for one in texts]


@given(st.sampled_from(ENCODINGS), TEXTS)
def test_other_sentences_add_up_within_a_token_each(encoding: str, text: str) -> None:
    counts = named(encoding)
    found = analyse(pa.array([text], pa.string()))
    assert abs(counts.of_sentences(found).sum() - counts.count(text)) <= len(found.sentences)


def test_a_slice_of_sentences_is_counted_as_itself() -> None:
    counts = named(EXACT[0])
    whole = pa.array(["unused text", "One. Two.", None, "Three."])
    assert counts.counts(whole.slice(1)).tolist() == [4, 0, 2]


@given(st.sampled_from(ENCODINGS), TEXTS | TEXTS.map(lambda text: text * 20), st.integers(-1, 30))
def test_a_cut_text_is_never_over_its_limit_and_no_longer_one_fits(encoding: str, text: str, limit: int) -> None:
    counts = named(encoding)
    end = counts.longest_prefix(text, limit)
    assert end == 0 or counts.count(text[:end]) <= limit
    assert 0 <= end <= len(text)


@pytest.mark.parametrize("encoding", EXACT)
def test_each_token_more_lets_a_word_more_stay(encoding: str) -> None:
    text = "one two three four five six seven"
    ends = [named(encoding).longest_prefix(text, limit) for limit in range(9)]
    assert [text[:end].split() for end in ends] == [text.split()[:limit] for limit in range(9)]


def test_an_unknown_encoding_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(UsageError, match="'p50k_base': must be one of estimate, cl100k_base, o200k_base"):
        counter("p50k_base")


def test_each_counter_says_its_name(counts_tokens: TokenCounter) -> None:
    assert counts_tokens is counter(counts_tokens.encoding)


WITHOUT_PACKAGE = """
import sys
sys.modules["bpe_openai"] = None
from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.errors import ToolchainError
try:
    counter("o200k_base")
except ToolchainError as error:
    print(error)
print(counter("estimate").count("hello world"))
"""


def test_without_the_package_exact_counts_say_what_to_install_and_the_estimate_works() -> None:
    said = subprocess.run([sys.executable, "-c", WITHOUT_PACKAGE], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "encoding o200k_base: the package bpe-openai is not installed: `pip install 'helix-pipeline[tokens]'`, "
        "or take the encoding estimate",
        "2",
    ]
