"""The quality score: worked by hand, its bounds, its warning, and how near it is to the evidence kept on LoCoMo."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from context_tables import conversation, conversations
from hypothesis import given, settings

from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.domain.context.engine import analysed, compress
from helix_pipeline.domain.context.facts import Facts
from helix_pipeline.domain.context.layout import Layout, laid_out
from helix_pipeline.domain.context.quality import (
    evidence_weights,
    fact_weights,
    kept_shares,
    ratio_for,
    share_kept,
    warning,
)
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.selection import Choice
from helix_pipeline.domain.context.text import analyse


def layout_of(*texts: str) -> Layout:
    messages = conversation(*(("Ann", text) for text in texts))
    return laid_out(messages, analyse(messages["content"].combine_chunks()), counter("estimate"))


def choice(kept: list[int], messages: int, cut: dict[int, int] | None = None) -> Choice:
    return Choice(np.array(kept, bool), np.ones(messages, bool), cut or {}, messages)


def test_a_sentence_said_again_is_kept_and_a_cut_one_in_part() -> None:
    layout = layout_of("Red boat. Tree.", "Red boat.", "abcd efghij")
    assert kept_shares(layout, choice([0, 0, 1, 1], 3, {3: 4})).tolist() == [1, 0, 1, 4 / 11]


def test_facts_weigh_the_questions_expected_about_their_sentence() -> None:
    """Weights 1 * 2 facts, 3 * 1 fact, 1 * 1 for none: of 6 the first and the last are kept."""
    facts = Facts(np.array([0, 0, 1]), np.zeros(3, np.int64), np.arange(3))
    weights = fact_weights(facts, np.array([1.0, 3.0, 1.0]))
    assert weights.tolist() == [2, 3, 1]
    assert share_kept(weights, np.array([1.0, 0.0, 1.0])) == pytest.approx(3 / 6)
    assert share_kept(weights, np.ones(3)) == 1


def test_nothing_to_keep_is_all_kept() -> None:
    assert share_kept(np.zeros(2), np.zeros(2)) == 1


def test_with_a_query_the_evidence_is_where_it_is_relevant() -> None:
    layout = layout_of("Red boat.", "Green tree.")
    weights = evidence_weights(np.array([1.0, 0.25]), np.ones(2), layout)
    assert weights == pytest.approx([1, 2**-3.5])


def test_the_warning_says_what_would_help() -> None:
    request = CompressionRequest(min_quality=0.9)
    said = warning(0.5, request, 0.62)
    assert said
    assert "quality 0.50 is below the minimum of 0.9" in said
    assert "ratio of about 0.62" in said
    assert "query" in said
    assert "whole conversation" in (warning(0.5, request, 1.0) or "")
    assert warning(0.9, request, 0.62) is None


def test_the_ratio_that_would_help_is_that_of_the_best_sentences() -> None:
    """Of 1 + 3 questions the second sentence has three quarters, for its own tokens and a speaker, and a tenth more."""
    layout = layout_of("Red boat here. ", "Tree.")
    tokens = layout.tokens.tolist()
    assert ratio_for(0.75, np.array([1.0, 3.0]), layout) == pytest.approx(1.1 * (tokens[1] + 3) / layout.original)
    assert ratio_for(1.0, np.array([1.0, 3.0]), layout) == pytest.approx(1.1 * (sum(tokens) + 6) / layout.original)
    assert ratio_for(0.5, np.zeros(2), layout) == 1


@settings(max_examples=40, deadline=None)
@given(conversations(min_size=3))
def test_quality_is_a_share(messages: pa.Table) -> None:
    context = compress(messages, CompressionRequest(max_tokens=60, ratio=None))
    assert 0 <= context.stats.quality_score <= 1
    assert (context.warning is None) == (context.stats.quality_score >= 0.95)


def test_quality_grows_with_the_budget_and_is_near_the_evidence_kept(data: Path) -> None:
    """In sample, so this bounds a mistake and is no figure: `make bench-context` measures on unseen conversations."""
    from locomo import conversations as locomo
    from locomo import questions

    messages, asked = locomo()["conv-26"], questions()["conv-26"]
    known = analysed(messages)
    ids = messages["message_id"].to_pylist()
    evidence = {ids.index(one) for question in asked for one in question.evidence}
    quality, recall = [], []
    for ratio in (0.1, 0.3, 0.5):
        context = compress(known, CompressionRequest(ratio=ratio))
        kept = {one.place for one in (*context.selected, *context.recent)}
        quality.append(context.stats.quality_score)
        recall.append(len(evidence & kept) / len(evidence))
    assert quality == sorted(quality)
    assert recall[1] > 0.75
    assert all(abs(one - other) < 0.25 for one, other in zip(quality, recall, strict=True))
