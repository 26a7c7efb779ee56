"""Choosing the number of topics: fit each candidate and take the one whose topics are best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from helix_pipeline.domain.topics.labels import top_words
from helix_pipeline.domain.topics.model import TopicModel, fit, most_topics
from helix_pipeline.domain.topics.quality import diversity, npmi
from helix_pipeline.domain.topics.vocabulary import Vocabulary

CANDIDATES = (5, 10, 15, 20, 30, 40, 50)


TRIAL_TEXTS = 5_000
"""A number of topics that is best for so many texts is taken for more of the same corpus too."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fitted model, its topics' words, and how good they are: mean NPMI in [-1, 1], diversity in (0, 1].

    A topic of a single word counts as incoherent (-1).
    """

    model: TopicModel
    words: list[list[str]]
    npmi: float
    diversity: float

    @property
    def quality(self) -> float:
        """Topic quality, coherence times diversity (Dieng et al. 2020), with NPMI moved to [0, 1] as a factor."""
        return (self.npmi + 1) / 2 * self.diversity


def trials(
    vocabulary: Vocabulary,
    texts: Sequence[Sequence[str]],
    candidates: Iterable[int] = CANDIDATES,
    seed: int = 0,
) -> list[Trial]:
    """Fit a model to `texts` for each number of topics that they allow; none where no text has a known word."""
    weighted = vocabulary.weigh(vocabulary.counts(texts))
    most = most_topics(weighted)
    numbers = sorted({min(number, most) for number in candidates} - {0})
    return [_trial(fit(vocabulary, weighted, number, seed), texts, weighted) for number in numbers]


def best(found: Sequence[Trial]) -> Trial:
    """Return the trial of the highest quality, of equals the one with fewer topics. Raises ValueError for no trials."""
    return max(found, key=lambda trial: (trial.quality, -len(trial.words)))


def number_of_topics(vocabulary: Vocabulary, texts: Sequence[Sequence[str]], wanted: int = 0, seed: int = 0) -> int:
    """Return the number wanted, or for 0 the best of `CANDIDATES` on the first texts; at most what the texts allow.

    The result is 0 where no text has a known word. The texts should come in an order of chance.
    """
    if wanted:
        return min(wanted, most_topics(vocabulary.weigh(vocabulary.counts(texts))))
    found = trials(vocabulary, texts[:TRIAL_TEXTS], seed=seed)
    return len(best(found).words) if found else 0


def _trial(model: TopicModel, texts: Sequence[Sequence[str]], weighted: sparse.csr_matrix) -> Trial:
    words = top_words(model, weighted)
    coherence = np.nan_to_num(npmi(words, texts), nan=-1.0)
    return Trial(model, words, float(coherence.mean()), diversity(words))
