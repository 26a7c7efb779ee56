"""The four strategies: how much of the budget the newest messages get, and what each older sentence is worth.

Each is a pure function of an `Outline`. All are extractive; they differ in what they look for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.facts import ENTITY, Facts
from helix_pipeline.domain.context.layout import Layout
from helix_pipeline.domain.context.request import Strategy

Floats = NDArray[np.float64]

STRETCHES = 20
"""Parts of a conversation that a full summary treats alike."""

MAIN_SHARE = 0.5
"""Share of all mentions of names that the main entities have together."""

ASIDE = 0.05
"""What a sentence is worth to the entity strategy that names no main entity, beside one that does."""


@dataclass(frozen=True)
class Outline:
    """What strategies look at: costs, facts, and what each sentence is worth (`worth`), float64[sentences].

    `share` is the budget as a share of the whole conversation, in (0, 1].
    """

    layout: Layout
    facts: Facts
    worth: Floats
    share: float


@dataclass(frozen=True)
class Plan:
    """`recent` is the share of the budget for the newest messages, `worth` float64[sentences] what each is worth."""

    recent: float
    worth: Floats


def window(outline: Outline) -> Plan:
    """The newest messages take most of the budget; of what went before the sentences of most worth stay."""
    return Plan(0.7, outline.worth)


def entity(outline: Outline) -> Plan:
    """What is said of the main entities: of the names that are mentioned most, until they make half of the mentions."""
    main = _names_main(outline.facts, outline.worth)
    return Plan(0.1, outline.worth * np.where(main, 1.0, ASIDE))


def full(outline: Outline) -> Plan:
    """All parts of the conversation alike: each of `STRETCHES` gets its share of the budget by its length."""
    tokens = np.maximum(1, outline.layout.tokens)
    behind = np.cumsum(tokens)
    stretch = (behind - tokens) * STRETCHES // max(1, int(behind[-1])) if len(behind) else behind
    return Plan(0.05, outline.worth / _thresholds(outline, stretch, tokens)[stretch])


def hybrid(outline: Outline) -> Plan:
    """The sentences of most worth, wherever they are, and the newest messages."""
    return Plan(0.05, outline.worth)


STRATEGIES: dict[Strategy, Callable[[Outline], Plan]] = {
    "window": window,
    "entity": entity,
    "full": full,
    "hybrid": hybrid,
}


def _names_main(facts: Facts, worth: Floats) -> NDArray[np.bool_]:
    """Return which sentences name one of the main entities."""
    rows = facts.kind == ENTITY
    term, sentence = facts.term[rows], facts.sentence[rows]
    mentions = np.bincount(term, worth[sentence]) if len(term) else np.zeros(1)
    order = np.argsort(-mentions, kind="stable")
    enough = np.searchsorted(np.cumsum(mentions[order]), MAIN_SHARE * mentions.sum()) + 1
    main = np.isin(term, order[:enough])
    return np.bincount(sentence[main], minlength=len(worth)) > 0


def _thresholds(outline: Outline, stretch: NDArray[np.int64], tokens: NDArray[np.int64]) -> Floats:
    """Return of each stretch the worth per token of the last sentence that its share of the budget would hold."""
    density = outline.worth / tokens
    order = np.lexsort((-density, stretch))
    of_stretch = np.bincount(stretch, tokens, STRETCHES)
    before = np.cumsum(of_stretch) - of_stretch
    inside = np.cumsum(tokens[order]) - before[stretch[order]]
    last = inside <= np.maximum(outline.share * of_stretch, 1)[stretch[order]]
    least = np.full(STRETCHES, np.inf)
    np.minimum.at(least, stretch[order[last]], density[order[last]])
    return np.where(np.isfinite(least) & (least > 0), least, density.max(initial=1e-9) or 1.0)
