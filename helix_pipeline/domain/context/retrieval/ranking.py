"""The ranking: a logistic model over the signals, its weights in ranking.json, and how they are learned.

Learned listwise: the messages of a conversation compete for each question by a softmax, whose cross-entropy with the
evidence is least (ListNet: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007).
Scale and intercept then make the scores probabilities (Platt 1999).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from helix_pipeline.domain.context.retrieval.dialogue import Column

WEIGHTS = "ranking.json"
PENALTY = 0.02
"""L2 penalty on the weights of signals brought to equal spread."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """A weight for each signal, and what is added."""

    weights: Mapping[str, float]
    intercept: float = 0.0

    def logits(self, columns: Mapping[str, Column]) -> Floats:
        """Return the log-odds of each message, float64[messages]."""
        total = np.full(len(next(iter(columns.values()))), self.intercept, np.float32)
        for name, weight in self.weights.items():
            total += np.float32(weight) * columns[name]
        return total.astype(np.float64)

    def probabilities(self, columns: Mapping[str, Column]) -> Floats:
        """Return the probability that each message is evidence, in [0, 1]."""
        return np.asarray(expit(self.logits(columns)))


@dataclass(frozen=True)
class Case:
    """A question to learn from: the signals of the messages of its conversation, and the places of its evidence."""

    columns: Mapping[str, Column]
    evidence: NDArray[np.int64]


@lru_cache(maxsize=1)
def shipped_ranking() -> Ranking:
    """Return the ranking that ships with the project."""
    stored = json.loads(resources.files(__package__).joinpath("weights", WEIGHTS).read_text(encoding="utf-8"))
    return Ranking(stored["weights"], stored["intercept"])


def learn(cases: Sequence[Case], penalty: float = PENALTY) -> Ranking:
    """Return the weights of least penalised listwise loss over the cases; deterministic. The intercept stays 0."""
    names = list(cases[0].columns)
    table = np.concatenate([np.stack([case.columns[name] for name in names], axis=1) for case in cases])
    spread = table.std(axis=0) + 1e-6
    table = (table - table.mean(axis=0)) / spread
    sizes = np.array([len(case.columns[names[0]]) for case in cases])
    starts = np.cumsum(sizes) - sizes
    wanted = np.zeros(len(table))
    for start, case in zip(starts, cases, strict=True):
        wanted[start + case.evidence] = 1 / len(case.evidence)

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = (table @ weights.astype(table.dtype)).astype(np.float64)
        logits -= np.repeat(np.maximum.reduceat(logits, starts), sizes)
        odds = np.exp(logits)
        totals = np.add.reduceat(odds, starts)
        shares = odds / np.repeat(totals, sizes)
        value = (np.log(totals).sum() - wanted @ logits) / len(cases) + penalty * weights @ weights
        slope = (shares - wanted).astype(table.dtype) @ table / len(cases)
        return value, slope + 2 * penalty * weights

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x / spread
    return Ranking(dict(zip(names, map(float, found), strict=True)))


def calibrated(ranking: Ranking, logits: Floats, is_evidence: NDArray[np.bool_]) -> Ranking:
    """Return the ranking with scale and intercept that fit these logits, of unseen questions, to what was evidence."""

    def loss(parameters: Floats) -> float:
        scaled = parameters[0] * logits + parameters[1]
        return float(np.logaddexp(0, scaled).sum() - scaled[is_evidence].sum())

    scale, intercept = minimize(loss, np.array([1.0, -5.0]), method="Nelder-Mead").x
    return Ranking({name: scale * weight for name, weight in ranking.weights.items()}, float(intercept))
