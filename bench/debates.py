"""What the analysis of debates finds, and how well a winner is predicted on topics never trained on.

The debates go through ingest's reader into a lake and through DebateAnalysis: its rows (one deal of folds) come first.
Below them, variants of the predictor as means over `SEEDS`: each debate is predicted by a model fitted, ratings and
calibration included, to debates of other topics; topics are one where their id or their wording is. The published
ratings know all topics: a ceiling.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from harness import publish
from lakes import build
from ratings import DATA, published, session

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_DEBATES
from helix_pipeline.domain.debates import calibration, evaluation, predictor
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.jobs.debate_analysis import analysed
from helix_pipeline.stores.lake import Lake, open_table

SEEDS = (0, 1, 2)
TEXT = ("style", "said", "closed")
VARIANTS = {
    "ratings + side": (("models",), False),
    "text + side": (TEXT, False),
    "ratings + side + text": (("models", *TEXT), False),
    "published ratings + side": (("known",), True),
    "published and own ratings + side + text": (("models", "known", *TEXT), True),
}
MEASURES = ("accuracy", "log_loss", "brier", "calibration_error")


def run(folder: Path) -> tuple[dict[str, pa.Table], pa.Table, dict[str, Any]]:
    """Run the job on a lake of the debates; return its tables, the judged debates as cases, and the run's record."""
    root = build(folder / "lake", [DATA / "debates" / "debates.jsonl.gz"], (LAKE_DEBATES,))
    job, spark = find("DebateAnalysis"), session()
    run = JobRun(spark, root, f"{folder}/out", parameters=job.defaults)
    record = execute(job, run)
    cases = analysed(run).where("judges IS NOT NULL AND first_style IS NOT NULL").toArrow().sort_by("debate_id")
    spark.stop()
    return {name: open_table(Lake(run.output), name).to_pyarrow_table() for name in job.writes}, cases, record


def described(tables: dict[str, pa.Table], record: dict[str, Any]) -> dict[str, Any]:
    """Return means over the debates, the best model of each position, and the run's figures."""
    debates, positions = tables["debate_analysis"], tables["debate_positions"]
    names = ("rounds", "turns", "words", "agreement", "agreement_first", "agreement_last", "disagreement", "margin")
    mean = {name: round(pc.mean(debates[name]).as_py(), 4) for name in names}
    for group, measures in (("participants", ("change", "drift", "towards_others")), ("rebuttals", ("engagement",))):
        each = pc.list_flatten(debates[group])
        mean |= {name: round(pc.mean(pc.struct_field(each, name)).as_py(), 4) for name in measures}
    best = {row["position"]: row for row in positions.filter(positions["best"]).to_pylist()}
    return {"mean": mean, "best": best, "run": {key: record[key] for key in ("rows_in", "seconds", "metrics")}}


def varied(cases: pa.Table) -> list[dict[str, Any]]:
    """Score each variant by the majority and by the sum of the margins, as the mean over `SEEDS`."""
    given, board = evaluation.judged(cases), published(DATA / "debates", "bradley_terry")
    inputs = (given.debates, given.margin, given.won, given.topic)
    outcomes = {"majority": given.won, "margins": evaluation.won(cases, "winner")}
    rows = []
    for name, (blocks, known) in VARIANTS.items():
        model = predictor.WinnerPredictor(blocks, board if known else {})
        chances = [predictor.out_of_topic(model, *inputs, seed=seed) for seed in SEEDS]
        rows += [
            {"predictor": f"{name}, {len(SEEDS)} seeds", "winner_by": by, **mean_scores(truth, chances)}
            for by, truth in outcomes.items()
        ]
    return rows


def mean_scores(truth: np.ndarray, chances: list[np.ndarray]) -> dict[str, Any]:
    """Return the scores on the decided debates, as means over several chances of each."""
    decided = ~np.isnan(truth)
    each = [calibration.scores(truth[decided], chance[decided]) for chance in chances]
    return {"debates": each[0]["debates"], **{key: float(np.mean([row[key] for row in each])) for key in MEASURES}}


def main() -> None:
    """Measure, print and write the results."""
    with tempfile.TemporaryDirectory(prefix="helix-bench-") as folder:
        tables, cases, record = run(Path(folder))
    scores = tables["debate_predictor"].drop_columns(["period"]).to_pylist()
    rows = [
        {key: "" if value is None else f"{value:.4f}" if key in MEASURES else value for key, value in row.items()}
        for row in (*scores, *varied(cases))
    ]
    publish("debates", rows, **described(tables, record))


if __name__ == "__main__":
    main()
