"""How well the winner of a debate is predicted on topics never trained on, beside simpler guesses.

Cases are tables of `cases.CASES`, all of debates with two sides and a verdict. Where no judge gave a margin, the margin
is the lead in votes per judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from helix_pipeline.contracts.job_tables.debates import DEBATE_PREDICTOR
from helix_pipeline.domain.debates import calibration, predictor, verdicts
from helix_pipeline.domain.debates.features import Contests, from_table

Floats = NDArray[np.float64]

WHOLE = "ratings + side + text"
PREDICTORS: Mapping[str, tuple[str, ...]] = {
    "ratings + side": ("models",),
    WHOLE: ("models", "style", "said", "closed"),
}
"""What each predictor looks at; see `predictor.BLOCKS`."""

FOLDS = 10


@dataclass(frozen=True)
class Judged:
    """n debates with their outcome: `margin` for the first side, `won` in {0, 1} (nan: nobody) and group of topics."""

    debates: Contests
    margin: Floats
    won: Floats
    topic: NDArray[np.intp]


def judged(cases: pa.Table) -> Judged:
    """Return the debates and outcomes of cases; topics are one where their id or their wording is."""
    votes = pc.subtract(cases["votes_first"], cases["votes_second"])
    lead = pc.divide(pc.cast(votes, pa.float64()), cases["judges"])
    margin = pc.coalesce(cases["margin"], lead).to_numpy()
    labels = (pc.coalesce(cases["topic_id"], cases["topic"]), cases["topic"])
    topic = predictor.topic_groups(*(column.to_pylist() for column in labels))
    return Judged(from_table(cases), margin, won(cases, "majority"), topic)


def won(cases: pa.Table, by: str) -> Floats:
    """Return 1 where the first side won by `majority` or `winner`, 0 where the second did, nan where neither."""
    first = pc.cast(pc.equal(cases[by], cases["first_participant"]), pa.float64())
    return np.asarray(first.to_numpy(), np.float64)


def is_enough(given: Judged, folds: int = FOLDS, seed: int = 0) -> bool:
    """Tell whether predictors can be judged: there are topics for all folds, and both sides win outside of each."""
    if len(np.unique(given.topic)) < folds:
        return False
    splits = GroupKFold(folds, shuffle=True, random_state=seed).split(given.margin, groups=given.topic)
    return all({0.0, 1.0} <= set(given.won[train].tolist()) for train, _ in splits)


def evaluated(cases: pa.Table, given: Judged, folds: int = FOLDS, seed: int = 0) -> tuple[Floats, pa.Table]:
    """Return each debate's chance of the first side by the whole predictor, and the `DEBATE_PREDICTOR` rows of all.

    Each chance is predicted from debates of other topics only. Raises ValueError unless `is_enough`.
    """
    chances = {
        name: predictor.out_of_topic(
            predictor.WinnerPredictor(blocks),
            given.debates,
            given.margin,
            given.won,
            given.topic,
            folds=folds,
            seed=seed,
        )
        for name, blocks in PREDICTORS.items()
    }
    outcomes = {"majority": given.won, "margins": won(cases, "winner")}
    rows = [_score(name, by, truth, chance) for by, truth in outcomes.items() for name, chance in chances.items()]
    rows += [_score("side alone", by, truth, _share(truth, given.topic, folds, seed)) for by, truth in outcomes.items()]
    rows += _single_verdicts(cases, chances[WHOLE])
    return chances[WHOLE], pa.Table.from_pylist(rows, DEBATE_PREDICTOR.schema)


def _score(name: str, by: str, truth: Floats, chance: Floats) -> dict[str, Any]:
    decided = ~np.isnan(truth) & ~np.isnan(chance)
    found = calibration.scores(truth[decided], chance[decided]) if decided.any() else {"debates": 0}
    return {"predictor": name, "winner_by": by, **found}


def _share(truth: Floats, topic: NDArray[np.intp], folds: int, seed: int) -> Floats:
    """Return the share that the first side wins in debates of other topics."""
    chance = np.full(len(truth), np.nan)
    for train, test in GroupKFold(folds, shuffle=True, random_state=seed).split(truth, groups=topic):
        chance[test] = np.nanmean(truth[train])
    return chance


def _single_verdicts(cases: pa.Table, chance: Floats) -> list[dict[str, Any]]:
    """Score the majority of the other judges, and the predictor, on each verdict that other judges were heard on."""
    debate = pc.list_parent_indices(cases["judgments"]).to_numpy()
    each = pc.list_flatten(cases["judgments"])
    given = pa.table({"debate_id": cases["debate_id"].take(debate), "winner": pc.struct_field(each, "winner")})
    first = cases["first_participant"].take(debate)
    others, truth = (
        verdicts.others_majority(given, first),
        won(given.append_column("first_participant", first), "winner"),
    )
    truth = np.where(np.isnan(others), np.nan, truth)
    majority = _score("majority of the other judges", "verdict", truth, others)
    for measure in ("log_loss", "brier", "calibration_error"):
        majority.pop(measure, None)
    return [majority, _score(WHOLE, "verdict", truth, chance[debate])]
