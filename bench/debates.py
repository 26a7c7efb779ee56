"""What the analysis of debates finds, and how well a winner is predicted on topics never trained on.

Reads HELIX_DATA/debates. Each debate is predicted by a model fitted, ratings and calibration included, to debates of
other topics; topics are one where their id or their wording is. The published ratings know all topics: a ceiling.
"""

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.domain.debates import analysis, calibration, features, predictor, verdicts

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data")) / "debates"
SEEDS = (0, 1, 2)
RATED = ("models", "known")
TEXT = ("style", "said", "closed")
VARIANTS = {
    "ratings + side": (("models",), False),
    "text + side": (TEXT, False),
    "ratings + side + text": (("models", *TEXT), False),
    "published ratings + side": (("known",), True),
    "published and own ratings + side + text": ((*RATED, *TEXT), True),
}


def read() -> tuple[pa.Table, pa.Table, list[dict[str, Any]]]:
    """Return the turns, the judgments and the records of the debates, these in order of their id."""
    with gzip.open(DATA / "debates.jsonl.gz", "rt", encoding="utf-8") as lines:
        debates = sorted(map(json.loads, lines), key=lambda debate: debate["debate_id"])
    turns = [
        {
            **turn,
            "debate_id": debate["debate_id"],
            "topic": debate["proposition"],
            "round": (turn["turn"] + 1) // 2,
            "participant": turn["side"],
            "position": turn["side"],
        }
        for debate in debates
        for turn in debate["turns"]
    ]
    judgments = [
        {
            "debate_id": debate["debate_id"],
            "judge": judgment["judge"],
            "winner": judgment["winner_side"],
            "margin": judgment["margin_pro"],
        }
        for debate in debates
        for judgment in debate["judgments"]
    ]
    return (
        pa.Table.from_pylist(turns, analysis.TURNS),
        pa.Table.from_pylist(judgments, verdicts.JUDGMENTS),
        debates,
    )


def sides(judgments: pa.Table) -> tuple[pa.Array, pa.Array]:
    return pa.repeat("pro", len(judgments)), pa.repeat("con", len(judgments))


def won(names: pa.ChunkedArray) -> np.ndarray:
    return pc.cast(pc.equal(names, "pro"), pa.float64()).to_numpy()


def main() -> None:
    started = time.monotonic()
    turns, judgments, debates = read()
    found = verdicts.verdicts(judgments, *sides(judgments))
    extra = {"analysis": describe(turns, judgments, found), "seconds_analysis": round(time.monotonic() - started, 1)}
    contests = features.contests(turns)
    if contests.debate_id != found["debate_id"].to_pylist():
        raise ValueError("a debate without a judgment or without two participants")
    topics = predictor.topic_groups(*([debate[key] for debate in debates] for key in ("topic_id", "proposition")))
    extra["topics"] = len(set(topics.tolist()))
    rows, chances = predicted(contests, found, topics)
    rows += [always(found), *judges(judgments, found, chances)]
    print(json.dumps(extra, indent=2))
    harness.publish("debates", rows, **extra)


def describe(turns: pa.Table, judgments: pa.Table, found: pa.Table) -> dict[str, Any]:
    debates, people, replies = analysis.debates(turns), analysis.participants(turns), analysis.rebuttals(turns)
    joined = people.join(found.select(["debate_id", "winner"]), "debate_id")
    records = verdicts.records(joined["position"], joined["model"], pc.equal(joined["winner"], joined["participant"]))
    mean = {
        name: round(pc.mean(table[name]).as_py(), 4)
        for table, names in (
            (debates, ("rounds", "turns", "words", "agreement", "agreement_first", "agreement_last")),
            (people, ("change", "drift", "towards_others")),
            (replies, ("replies", "named", "engagement")),
            (found, ("judges", "disagreement", "margin")),
        )
        for name in names
    }
    best = {row["position"]: row for row in records.filter(records["best"]).to_pylist()}
    return {"mean": mean, "side_bias": verdicts.side_bias(found["winner"].combine_chunks()), "best": best}


def predicted(
    contests: features.Contests, found: pa.Table, topics: np.ndarray
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Score each variant, mean over `SEEDS`; return the rows, and the chances of the whole predictor."""
    with (DATA / "leaderboard.jsonl").open(encoding="utf-8") as lines:
        published = {row["model"]: row["bradley_terry"] for row in map(json.loads, lines)}
    margin = found["margin"].to_numpy()
    rows, kept = [], np.zeros(0)
    for name, (blocks, known) in VARIANTS.items():
        model = predictor.WinnerPredictor(blocks, published if known else {})
        chances = [
            predictor.out_of_topic(model, contests, margin, won(found["majority"]), topics, seed=seed) for seed in SEEDS
        ]
        rows += [
            {"predictor": name, "winner by": by, **mean_scores(found[by], chances)} for by in ("majority", "winner")
        ]
        kept = chances[0] if name == "ratings + side + text" else kept
    return rows, kept


def mean_scores(names: pa.ChunkedArray, chances: list[np.ndarray]) -> dict[str, Any]:
    decided, truth = names.is_valid().to_numpy(), won(names)
    each = [calibration.scores(truth[decided], chance[decided]) for chance in chances]
    return {
        key: round(float(np.mean([row[key] for row in each])), 4) if key != "debates" else each[0][key]
        for key in each[0]
    }


def always(found: pa.Table) -> dict[str, Any]:
    """Score the share of the first side as the chance of each debate."""
    truth = won(found["majority"].drop_null())
    share = np.full(len(truth), truth.mean())
    return {"predictor": "side alone", "winner by": "majority", **mean_scores(found["majority"].drop_null(), [share])}


def judges(judgments: pa.Table, found: pa.Table, chances: np.ndarray) -> list[dict[str, Any]]:
    """Score the majority of the other judges on each single verdict, and the predictor on the same verdicts."""
    ordered = judgments.sort_by("debate_id")
    others, truth = verdicts.others_majority(ordered, sides(ordered)[0]), won(ordered["winner"])
    of_debate = dict(zip(found["debate_id"].to_pylist(), chances, strict=True))
    chance = np.array([of_debate[debate] for debate in ordered["debate_id"].to_pylist()])
    heard, rows = ~np.isnan(others), []
    for name, given in (("majority of the other judges", others), ("ratings + side + text", chance)):
        measured = calibration.scores(truth[heard], given[heard])
        shown = {key: value if key == "debates" else round(value, 4) for key, value in measured.items()}
        # A vote is no probability: only its accuracy means something.
        kept = (
            shown if given is chance else {**dict.fromkeys(shown, ""), **{k: shown[k] for k in ("debates", "accuracy")}}
        )
        rows.append({"predictor": name, "winner by": "single verdict", **kept})
    return rows


if __name__ == "__main__":
    main()
