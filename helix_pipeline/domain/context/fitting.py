"""A plan fitted to a budget: what is chosen is counted as it will be sent, and chosen anew until it is close."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from helix_pipeline.domain.context.encodings import TokenCounter
from helix_pipeline.domain.context.layout import Layout
from helix_pipeline.domain.context.rendering import kept_texts, sent_tokens
from helix_pipeline.domain.context.selection import Choice, Selection
from helix_pipeline.domain.context.strategies import Plan

ATTEMPTS = 5
"""Times that a selection is corrected by what it really costs."""

NEAR_BUDGET, AIM = 0.985, 0.993
"""Share of the budget from which a selection is left as it is, and the one that a correction aims at."""


@dataclass(frozen=True)
class Fitted:
    """What was chosen, the texts of its messages, and the tokens of all of it as it is sent.

    `is_full` tells that the limit ended the choice, and not that nothing was left to say.
    """

    choice: Choice
    texts: Sequence[str]
    tokens: int
    is_full: bool


def fitted(layout: Layout, counter: TokenCounter, plan: Plan, budget: int) -> Fitted:
    """Return a choice of at most `budget` tokens, and as close to it as the conversation has something to say.

    Raises UsageError where not even a word of the newest message fits.
    """
    if budget >= layout.original:
        return _counted(layout, counter, _everything(layout, plan), is_full=False)
    limit = budget
    best = found = _chosen(layout, counter, plan, limit)
    for _ in range(ATTEMPTS - 1):
        if found.tokens <= budget and (found.tokens >= NEAR_BUDGET * budget or not found.is_full):
            return found
        limit = int(limit * AIM * budget / max(1, found.tokens))
        found = _chosen(layout, counter, plan, limit)
        best = max(best, found, key=lambda one: one.tokens if one.tokens <= budget else -one.tokens)
    while best.tokens > budget:
        limit = limit * 9 // 10
        best = _chosen(layout, counter, plan, limit)
    return best


def _chosen(layout: Layout, counter: TokenCounter, plan: Plan, limit: int) -> Fitted:
    selection = Selection(layout, counter, limit)
    selection.take_newest(plan.recent)
    selection.fill(plan.worth)
    return _counted(layout, counter, selection.choice(), selection.is_full)


def _counted(layout: Layout, counter: TokenCounter, choice: Choice, is_full: bool) -> Fitted:
    texts = kept_texts(layout, choice)
    tokens = sent_tokens(layout, choice, counter.counts(pa.array(texts, pa.string())))
    return Fitted(choice, texts, tokens, is_full)


def _everything(layout: Layout, plan: Plan) -> Choice:
    size = len(layout.opening)
    recent = min(int(size * (1 - plan.recent)), size - 1)
    return Choice(np.ones(len(layout.tokens), bool), np.ones(size, bool), {}, recent)
