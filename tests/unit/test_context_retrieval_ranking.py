"""The ranking: scores worked by hand, learning on cases whose answer is known, probabilities that fit."""

import numpy as np
import pytest

from helix_pipeline.domain.context.retrieval.ranking import Case, Ranking, calibrated, learn, shipped_ranking


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_scores_are_the_logistic_of_the_weighted_sum():
    ranking = Ranking({"a": 2.0, "b": -1.0}, -0.5)
    columns = {"a": column(0, 1), "b": column(0, 0.5), "unused": column(9, 9)}
    assert ranking.logits(columns) == pytest.approx([-0.5, 1.0])
    assert ranking.probabilities(columns) == pytest.approx([1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-1))])


def cases() -> list[Case]:
    """Return questions whose evidence has the highest `told`; `noise` says nothing."""
    random = np.random.default_rng(7)
    return [case for _ in range(40) for case in [_case(random.random(20), random.random(20))]]


def _case(told: np.ndarray, noise: np.ndarray) -> Case:
    columns = {"told": told.astype(np.float32), "noise": noise.astype(np.float32), "same": np.ones(20, np.float32)}
    return Case(columns, np.argsort(-told)[:2])


def test_what_tells_the_evidence_gets_the_weight():
    weights = learn(cases()).weights
    assert weights["told"] > 10 * abs(weights["noise"])
    assert weights["same"] == pytest.approx(0, abs=1e-3)


def test_a_larger_penalty_makes_smaller_weights():
    assert learn(cases(), 1.0).weights["told"] < 0.5 * learn(cases(), 0.01).weights["told"]


def test_learning_again_gives_the_same():
    assert learn(cases()) == learn(cases())


def test_the_weights_are_where_the_loss_is_least():
    found, penalty = learn(cases(), 0.05), 0.05
    spread = np.concatenate([case.columns["told"] for case in cases()]).std() + 1e-6

    def loss(weight: float) -> float:
        logits = Ranking({**found.weights, "told": weight}).logits
        shares = [np.exp(logits(case.columns)) / np.exp(logits(case.columns)).sum() for case in cases()]
        told = np.mean([-np.log(share[case.evidence]).mean() for share, case in zip(shares, cases(), strict=True)])
        return float(told + penalty * (weight * spread) ** 2)

    best = found.weights["told"]
    assert loss(best) < min(loss(best * 0.98), loss(best * 1.02))


def test_calibrated_scores_are_as_often_right_as_they_say():
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, 20_000)
    is_evidence = random.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 2)))
    found = calibrated(Ranking({"a": 4.0}), logits, is_evidence)
    assert found.weights["a"] == pytest.approx(2.0, rel=0.08)
    assert found.intercept == pytest.approx(-2, rel=0.08)


def test_the_shipped_weights_are_finite_and_prefer_what_is_like_the_question():
    ranking = shipped_ranking()
    assert np.isfinite([ranking.intercept, *ranking.weights.values()]).all()
    assert min(ranking.weights[name] for name in ("words", "meaning", "speaker", "date", "reply")) > 0
