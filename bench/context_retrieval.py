"""Retrieval on LoCoMo: how many of a question's evidence messages are among the best, and stay within a budget.

Each conversation is ranked with weights that were learned on the others (the static embedding has seen none of them).
Beside it: BM25 alone; BM25 smoothed over neighbours and session; the figures of the DRAGON retriever from the paper of
LoCoMo. Intervals are bootstrapped over conversations.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from harness import publish
from locomo import Question, conversations, questions
from numpy.typing import NDArray

from helix_pipeline.domain.context.conversation import speakers
from helix_pipeline.domain.context.retrieval import ranking
from helix_pipeline.domain.context.retrieval.index import Index, build
from helix_pipeline.domain.context.retrieval.ranking import Case, Ranking
from helix_pipeline.domain.context.retrieval.signals import signals
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.domain.context.tokens import count

Floats = NDArray[np.float64]
Method = Callable[["Asked", Ranking], Floats]

DEPTHS = (5, 10, 25, 50)
SHARES = (0.3, 0.1, 0.05)
MEASURES = (*(f"recall@{depth}" for depth in DEPTHS), *(f"kept {share:.0%}" for share in SHARES))
CATEGORIES = ("single-hop", "multi-hop", "temporal", "open-domain")
RESAMPLES = 2000
SEED = 20260601
LINE_TOKENS = 2
"""Of the colon after a speaker and the end of the line."""

DRAGON: Mapping[str, Sequence[float | None]] = {
    "all": (56.7, 66.2, 76.7, 82.7),
    "multi-hop": (None, 46.6, None, None),
    "temporal": (None, 77.3, None, None),
    "open-domain": (None, 40.8, None, None),
}
"""Published recall at `DEPTHS`, in per cent."""


@dataclass(frozen=True)
class Conversation:
    """A conversation prepared for questions; `tokens` are those of each message with its speaker, int64[messages]."""

    name: str
    index: Index
    tokens: NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """A question about a conversation, with its signals and the places of its evidence."""

    conversation: Conversation
    question: Question
    case: Case = field(repr=False)


def asked() -> list[Asked]:
    """Return all questions of LoCoMo with the signals of their conversations."""
    return [one for name in conversations() for one in _asked_of(name)]


def _asked_of(name: str) -> Iterator[Asked]:
    messages = conversations()[name]
    text = analyse(messages["content"].combine_chunks())
    opening = [count(speaker) + LINE_TOKENS for speaker in speakers(messages).to_pylist()]
    tokens = np.bincount(text.text_of, text.tokens, len(messages)).astype(np.int64) + opening
    found = Conversation(name, build(messages, text), tokens)
    places = {one: place for place, one in enumerate(messages["message_id"].to_pylist())}
    for question in questions()[name]:
        evidence = np.array([places[one] for one in question.evidence])
        yield Asked(found, question, Case(signals(found.index, question.question), evidence))


def left_out(asked: Sequence[Asked]) -> dict[str, Ranking]:
    """Return for each conversation the ranking that is learned from the questions about all others."""
    names = dict.fromkeys(one.conversation.name for one in asked)
    return {name: ranking.learn([one.case for one in asked if one.conversation.name != name]) for name in names}


def bm25(one: Asked, _: Ranking) -> Floats:
    """Return BM25 of each message, speakers' names left out of the question."""
    return one.case.columns["bm25"].astype(np.float64)


def smoothed(one: Asked, _: Ranking) -> Floats:
    """Return BM25 with parts of that of the neighbours and the session, a simple baseline."""
    parts = {"": 1.0, "_before": 0.5, "_after": 0.3, "_session_most": 0.3, "_session_mean": 0.5}
    return np.sum([weight * one.case.columns[f"bm25{end}"] for end, weight in parts.items()], axis=0)


def ranked(one: Asked, learned: Ranking) -> Floats:
    """Return the project's ranking."""
    return learned.logits(one.case.columns)


def by_length(one: Asked, learned: Ranking) -> Floats:
    """Return the project's ranking less half the logarithm of the length: within a budget, short messages go first."""
    return ranked(one, learned) - np.log(one.conversation.tokens) / 2


METHODS: dict[str, Method] = {"BM25": bm25, "BM25, smoothed": smoothed, "helix": ranked, "helix, by length": by_length}


def measured(scores: Floats, evidence: NDArray[np.int64], tokens: NDArray[np.int64]) -> list[float]:
    """Return the share of the evidence found at each depth, and kept within each share of the tokens, as `MEASURES`."""
    order = np.argsort(-scores, kind="stable")
    rank = np.argsort(order, kind="stable")[evidence]
    found = [float((rank < depth).mean()) for depth in DEPTHS]
    return [*found, *(float(_kept(order, tokens, share * tokens.sum())[evidence].mean()) for share in SHARES)]


def _kept(order: NDArray[np.int64], tokens: NDArray[np.int64], budget: float) -> NDArray[np.bool_]:
    """Return which messages are kept: whole ones, in this order, each that still fits."""
    kept = np.zeros(len(tokens), bool)
    for place in order:
        if tokens[place] <= budget:
            kept[place] = True
            budget -= tokens[place]
    return kept


def interval(values: Floats, group: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """Return the mean of the rows and its 95 % interval, resampling the groups (conversations) that they are of."""
    names = sorted(set(group))
    of = np.array([names.index(one) for one in group])
    sums = np.stack([values[of == number].sum(axis=0) for number in range(len(names))])
    sizes = np.bincount(of)
    picks = np.random.default_rng(SEED).integers(0, len(names), (RESAMPLES, len(names)))
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)[:, None]
    low, high = np.percentile(means, (2.5, 97.5), axis=0)
    return values.mean(axis=0), low, high


def rows() -> list[dict[str, Any]]:
    """Return a row for each method and category: recall at each depth, evidence kept at each budget, in per cent."""
    every = asked()
    learned = left_out(every)
    groups = {"all": every} | {name: [one for one in every if one.question.category == name] for name in CATEGORIES}
    table = [_row(name, category, some, learned) for name in METHODS for category, some in groups.items() if some]
    return [*table, *_published()]


def _row(name: str, category: str, some: Sequence[Asked], learned: Mapping[str, Ranking]) -> dict[str, Any]:
    values = [
        measured(METHODS[name](one, learned[one.conversation.name]), one.case.evidence, one.conversation.tokens)
        for one in some
    ]
    mean, low, high = interval(np.array(values), [one.conversation.name for one in some])
    figures = zip(MEASURES, mean, low, high, strict=True)
    told = {measure: f"{100 * m:.1f} ({100 * a:.0f}–{100 * b:.0f})" for measure, m, a, b in figures}  # noqa: RUF001
    return {"method": name, "questions": category, "n": len(some), **told}


def _published() -> Iterator[dict[str, Any]]:
    for category, figures in DRAGON.items():
        told = {measure: "" if value is None else str(value) for measure, value in zip(MEASURES, figures, strict=False)}
        yield {"method": "DRAGON, published", "questions": category, "n": "", **dict.fromkeys(MEASURES, ""), **told}


if __name__ == "__main__":
    publish("context-retrieval", rows())
