"""A calibrated predictor of who wins a debate, from the models' strengths, the side and the text.

The mean margin of the judges is fitted by a ridge regression on differences between the first and the second
participant: one indicator per model (a rating, as in Bradley and Terry 1952, but of margins), ratings known
beforehand, style and TF-IDF of what was said. As all are differences, the intercept is the advantage of the side.
The fitted margin becomes a probability by logistic calibration (Platt 1999) on margins predicted across topics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, vstack
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, cross_val_predict

from helix_pipeline.domain.debates.features import Contests

BLOCKS = ("models", "known", "style", "said", "closed")
"""What a predictor may look at: indicators of models, known ratings, and three blocks of text features."""

WEIGHTS = {"models": 0.5, "known": 0.5, "style": 0.01, "said": 0.5, "closed": 0.3}
"""Prior variance of a block's coefficients relative to the penalty: how much a block may explain."""

MARGIN_LIMIT = 2.0
"""Margins larger than this many times the mean absolute one say no more about who is better."""

CALIBRATION_FOLDS = 5
RATING_UNIT = 100.0
"""Points of a known rating on the Elo scale per unit of its feature."""


@dataclass
class WinnerPredictor:
    """Gives the chance of the first participant. `known` are ratings in Elo points by model, their mean for others.

    `blocks` is a selection of `BLOCKS`, without text for a plain rating with a side advantage.
    """

    blocks: Sequence[str] = BLOCKS
    known: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := set(self.blocks) - set(BLOCKS):
            raise ValueError(f"unknown blocks {sorted(unknown)}; known are {BLOCKS}")

    def fit(
        self, debates: Contests, margin: NDArray[np.float64], won: NDArray[np.float64], topic: NDArray[np.intp]
    ) -> "WinnerPredictor":
        """Fit to n debates: `margin` for the first participant, `won` in {0, 1} or nan where nobody won, `topic`.

        Debates of one topic (see `topic_groups`) are calibrated on together. Raises ValueError below two topics, for
        a margin that is nan, or where one side wins all debates.
        """
        self._learn_scales(debates)
        features = self._features(debates)
        self._unit = float(np.abs(margin).mean()) or 1.0
        target = np.clip(margin / self._unit, -MARGIN_LIMIT, MARGIN_LIMIT)
        self._ridge = Ridge(alpha=1.0, solver="sparse_cg", tol=1e-3)
        folds = GroupKFold(min(CALIBRATION_FOLDS, len(np.unique(topic))))
        across = cross_val_predict(self._ridge, features, target, groups=topic, cv=folds)
        self._ridge.fit(features, target)
        decided = ~np.isnan(won)
        self._platt = LogisticRegression(C=100.0).fit(across[decided, None], won[decided])
        return self

    def chances(self, debates: Contests) -> NDArray[np.float64]:
        """Return the probability that the first participant wins, (n,); a model never seen is of mean strength."""
        if not len(debates):
            return np.zeros(0)
        margins = self._ridge.predict(self._features(debates))
        return np.asarray(self._platt.predict_proba(margins[:, None])[:, 1])

    def strengths(self) -> dict[str, float]:
        """Return each model's part of the margin in the judges' units, best first; empty without `models`.

        With text among the blocks it is what the text does not explain.
        """
        if "models" not in self.blocks:
            return {}
        scale = WEIGHTS["models"] ** 0.5 * self._unit
        found = zip(self._models, self._ridge.coef_[: len(self._models)] * scale, strict=True)
        return dict(sorted(((name, float(value)) for name, value in found), key=lambda pair: (-pair[1], pair[0])))

    def side_advantage(self) -> float:
        """Return the margin, in the judges' units, by which the first participant leads between equals."""
        return float(self._ridge.intercept_) * self._unit

    def _learn_scales(self, debates: Contests) -> None:
        self._models = sorted({name for pair in debates.models for name in pair})
        spread = (debates.style[0] - debates.style[1]).std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        self._idf = {
            name: TfidfTransformer(sublinear_tf=True).fit(vstack(getattr(debates, name), format="csr"))
            for name in ("said", "closed")
            if name in self.blocks
        }

    def _features(self, debates: Contests) -> csr_array:
        parts = [self._block(name, debates) * WEIGHTS[name] ** 0.5 for name in BLOCKS if name in self.blocks]
        return csr_array(hstack(parts, format="csr"))

    def _block(self, name: str, debates: Contests) -> csr_array:
        if name == "models":
            return _indicators(debates.models, self._models)
        if name == "known":
            mean = float(np.mean(list(self.known.values()) or [0.0]))
            ratings = np.array([[self.known.get(model, mean) for model in pair] for pair in debates.models])
            return csr_array((ratings[:, :1] - ratings[:, 1:]) / RATING_UNIT)
        if name == "style":
            return csr_array((debates.style[0] - debates.style[1]) / self._spread)
        first, second = (self._idf[name].transform(counts) for counts in getattr(debates, name))
        return csr_array(first - second)


def topic_groups(*labels: Sequence[str] | pa.Array) -> NDArray[np.intp]:
    """Return the number of the group of each of n debates: debates that share any label are in one group.

    Each of `labels` holds one label per debate, such as an id or the wording of its topic; case and spaces around do
    not count. Numbers begin at 0. Raises ValueError where the lengths differ.
    """
    debates = len(labels[0])
    keys = [(number, str(label).strip().lower()) for number, column in enumerate(labels) for label in column]
    place = {key: debates + number for number, key in enumerate(dict.fromkeys(keys))}
    rows = np.tile(np.arange(debates), len(labels))
    nodes = debates + len(place)
    links = csr_array((np.ones(len(rows)), (rows, [place[key] for key in keys])), shape=(nodes, nodes))
    return np.asarray(connected_components(links, directed=False)[1][:debates], np.intp)


def out_of_topic(
    predictor: WinnerPredictor,
    debates: Contests,
    margin: NDArray[np.float64],
    won: NDArray[np.float64],
    topic: NDArray[np.intp],
    *,
    folds: int = 10,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return each debate's chance as predicted from debates of other topics only (all scales and ratings included).

    Arguments as in `WinnerPredictor.fit`; the topics are dealt into `folds` parts by `seed`.
    """
    chances = np.full(len(debates), np.nan)
    for train, test in GroupKFold(folds, shuffle=True, random_state=seed).split(margin, groups=topic):
        fitted = WinnerPredictor(predictor.blocks, predictor.known)
        fitted.fit(debates.take(train), margin[train], won[train], topic[train])
        chances[test] = fitted.chances(debates.take(test))
    return chances


def _indicators(pairs: Sequence[tuple[str, str]], models: Sequence[str]) -> csr_array:
    """+1 for the first and -1 for the second model of each pair; a model against itself is 0."""
    column = {name: number for number, name in enumerate(models)}
    entries = [
        (row, column[name], sign)
        for row, pair in enumerate(pairs)
        for name, sign in zip(pair, (1.0, -1.0), strict=True)
        if name in column
    ]
    row, place, sign = np.array(entries, float).reshape(-1, 3).T
    return csr_array((sign, (row.astype(int), place.astype(int))), shape=(len(pairs), len(models)))
