"""The context engine: a conversation of any length cut to a budget of tokens, with what matters still in it.

Extractive: everything that it gives back is in the conversation, in its words and in its order. docs/CONTEXT.md
describes the strategies, the quality and the figures.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context import quality
from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.domain.context.facts import COMMITMENT, DECISION, Facts, facts, names
from helix_pipeline.domain.context.features import turns
from helix_pipeline.domain.context.fitting import Fitted, fitted
from helix_pipeline.domain.context.importance import Model, importance
from helix_pipeline.domain.context.layout import DATED_FROM, Layout, laid_out
from helix_pipeline.domain.context.rendering import chat, kept_messages
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.result import CompressedContext, CompressionStats
from helix_pipeline.domain.context.strategies import STRATEGIES, Outline
from helix_pipeline.domain.context.text import Text, analyse
from helix_pipeline.domain.context.words import Words
from helix_pipeline.domain.context.worth import asked, ranks, unasked

Floats = NDArray[np.float64]

KEY_ENTITIES, KEY_DECISIONS, SUMMARY_SENTENCES = 20, 10, 10
"""How many of each a result names at most."""


@dataclass(frozen=True)
class Analysis:
    """What is known of a conversation before any budget: to be made once and used for many requests.

    `importance` float64[sentences] are the questions expected about each sentence.
    """

    messages: pa.Table
    text: Text
    words: Words
    facts: Facts
    importance: Floats


def analysed(messages: pa.Table, model: Model | None = None) -> Analysis:
    """Analyse a `CONVERSATION` (`conversation.ordered`); with the shipped weights where no model is given."""
    text = analyse(messages["content"].combine_chunks())
    words = Words(text)
    return Analysis(messages, text, words, facts(text, words), importance(text, words, turns(messages), model))


def compress(
    messages: pa.Table | Analysis, request: CompressionRequest, relevance: Floats | None = None
) -> CompressedContext:
    """Return a conversation within the budget of a request; deterministic.

    `messages` is a `CONVERSATION` in order, or its analysis. `relevance` float64[messages] in [0, 1] is the probability
    that each message is evidence for the request's query (`retrieval.index.Index.scores`).

    The result has at most the budget's tokens, and at least 98 % of it where that much is left to say: wordings that
    are there already are not said again. The newest message is always there, cut after a word if it must be.
    Raises UsageError for a budget that cannot hold a word of the newest message, and for an unknown encoding.
    """
    began = time.perf_counter()
    count = counter(request.encoding)
    known = messages if isinstance(messages, Analysis) else analysed(messages)
    if not len(known.messages):
        return _empty(request)
    layout = laid_out(known.messages, known.text, count)
    original = layout.original
    budget = request.budget(original)
    if budget < min(original, DATED_FROM):
        layout = layout.undated()
    plan = STRATEGIES[request.strategy](_outline(known, layout, request, relevance, budget / original))
    found = fitted(layout, count, plan, budget)
    weights = _weights(known, layout, relevance)
    score = quality.share_kept(weights, quality.kept_shares(layout, found.choice))
    sizes = (len(known.messages), original, budget, found.tokens, found.tokens / original)
    stats = CompressionStats(*sizes, score, request.strategy, request.encoding, 0.0)
    scores = ranks(known.importance, known.text.text_of, len(known.messages)) if relevance is None else relevance
    needed = quality.ratio_for(request.min_quality, weights, layout)
    context = _context(known, layout, found, scores, stats)
    warning = quality.warning(score, request, needed)
    return replace(context, warning=warning, stats=replace(stats, seconds=time.perf_counter() - began))


def _outline(
    known: Analysis, layout: Layout, request: CompressionRequest, relevance: Floats | None, share: float
) -> Outline:
    if relevance is None:
        worth = unasked(known.importance, known.text.text_of, request.importance_threshold)
    else:
        worth = asked(relevance, known.importance, layout, request.retrieval_top_k)
    return Outline(layout, known.facts, worth, share)


def _weights(known: Analysis, layout: Layout, relevance: Floats | None) -> Floats:
    if relevance is None:
        return quality.fact_weights(known.facts, known.importance)
    return quality.evidence_weights(relevance, known.importance, layout)


def _context(
    known: Analysis, layout: Layout, found: Fitted, scores: Floats, stats: CompressionStats
) -> CompressedContext:
    kept = kept_messages(known.messages, layout, found.choice, found.texts, scores)
    older = int(np.count_nonzero(found.choice.opened[: found.choice.recent]))
    before = found.choice.kept & (known.text.text_of < found.choice.recent)
    deciding = [known.facts.states(kind, len(before)) for kind in (DECISION, COMMITMENT)]
    return CompressedContext(
        summary=" ".join(_most_important(known, layout, before, SUMMARY_SENTENCES)),
        key_entities=tuple(names(known.text, known.words, known.importance, KEY_ENTITIES)),
        key_decisions=tuple(_most_important(known, layout, np.logical_or(*deciding), KEY_DECISIONS)),
        selected=tuple(kept[:older]),
        recent=tuple(kept[older:]),
        messages=tuple(chat(known.messages, layout, kept)),
        stats=stats,
    )


def _most_important(known: Analysis, layout: Layout, among: NDArray[np.bool_], number: int) -> list[str]:
    """Return the most important of some sentences, each wording once, in order."""
    places = np.flatnonzero(among & (layout.same >= 0))
    places = places[np.unique(layout.same[places], return_index=True)[1]]
    best = np.sort(places[np.argsort(-known.importance[places], kind="stable")[:number]])
    found: list[str] = pc.utf8_trim_whitespace(known.text.sentences.take(pa.array(best))).to_pylist()
    return found


def _empty(request: CompressionRequest) -> CompressedContext:
    stats = CompressionStats(0, 0, 0, 0, 1.0, 1.0, request.strategy, request.encoding, 0.0)
    return CompressedContext("", (), (), (), (), (), stats)
