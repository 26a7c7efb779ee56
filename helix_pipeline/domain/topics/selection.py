"""Choosing the number of topics: fit each candidate and take the one whose topics are best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from helix_pipeline.domain.topics.labels import top_words
from helix_pipeline.domain.topics.model import TopicModel, fit
from helix_pipeline.domain.topics.quality import diversity, npmi
from helix_pipeline.domain.topics.vocabulary import Vocabulary

CANDIDATES = (5, 10, 15, 20, 30, 40, 50)


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
    most = min(int((weighted.getnnz(axis=1) > 0).sum()), len(vocabulary.words))
    numbers = sorted({min(number, most) for number in candidates} - {0})
    return [_trial(fit(vocabulary, weighted, number, seed), texts, weighted) for number in numbers]


def best(found: Sequence[Trial]) -> Trial:
    """Return the trial of the highest quality, of equals the one with fewer topics. Raises ValueError for no trials."""
    return max(found, key=lambda trial: (trial.quality, -len(trial.words)))


def _trial(model: TopicModel, texts: Sequence[Sequence[str]], weighted: sparse.csr_matrix) -> Trial:
    words = top_words(model, weighted)
    coherence = np.nan_to_num(npmi(words, texts), nan=-1.0)
    return Trial(model, words, float(coherence.mean()), diversity(words))
