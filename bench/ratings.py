"""How near the ratings of models come to the published ones: win rates, length-controlled ones, Bradley-Terry.

AlpacaEval and the debates go through ingest's reader into a lake, and through ProviderPerformance. Halves, drawn by a
fixed seed, show how the figures hold where there is less to go by: half of the models for the length-controlled win
rates, half of the topics for the ratings.
"""

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from harness import publish
from lakes import build
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from scipy.stats import spearmanr

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_DEBATES, LAKE_PROVIDER_CALLS
from helix_pipeline.local.jars import jar_paths
from helix_pipeline.services.batch import execute
from helix_pipeline.settings import load
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.ratings import length_controlled, rated, verdicts
from helix_pipeline.spark.session import create_session
from helix_pipeline.stores.lake import Lake, open_table

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
SOURCES = ("alpaca_eval", "debates")
HALVES = 10


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file of JSON lines, packed or not."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def lake(folder: Path, data: Path) -> str:
    """Make a lake of AlpacaEval's preferences and of the debates; return its root."""
    paths = [data / source / "debates.jsonl.gz" for source in SOURCES]
    return build(folder, paths, (LAKE_DEBATES, LAKE_PROVIDER_CALLS))


def model_ratings(run: JobRun) -> tuple[pa.Table, dict[str, Any]]:
    """Run ProviderPerformance; return the rows of `model_ratings` over all positions, and the record of the run."""
    record = execute(find("ProviderPerformance"), run)
    rows = open_table(Lake(run.output), "model_ratings").to_pyarrow_table()
    return rows.filter(pc.is_null(rows["position"])), record


def published(folder: Path, column: str) -> dict[str, float]:
    """Return one column of a published board by model."""
    return {record["model"]: record[column] for record in lines(folder / "leaderboard.jsonl")}


def paired(found: pa.Table, column: str, board: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the found and the published values of the models that have both."""
    values = dict(zip(found["model"].to_pylist(), found[column].to_pylist(), strict=True))
    both = sorted(values.keys() & board.keys())
    return np.array([values[model] for model in both]), np.array([board[model] for model in both])


def rank_correlation(found: pa.Table, column: str, board: dict[str, float]) -> float:
    """Return Spearman's correlation of the found and the published values."""
    return float(spearmanr(*paired(found, column, board)).statistic)


def halves(given: DataFrame, column: str) -> Iterator[DataFrame]:
    """Yield the verdicts of a random half of the column's values, `HALVES` times."""
    chance = np.random.default_rng(0)
    values = sorted(row[0] for row in given.select(column).distinct().collect())
    for _ in range(HALVES):
        kept = chance.choice(values, len(values) // 2, replace=False).tolist()
        yield given.where(F.col(column).isin(kept))


def row(figure: str, value: object, aim: str, of: str) -> dict[str, Any]:
    """Return a row of the result."""
    return {"figure": figure, "value": value, "aim": aim, "of": of}


def spread(values: list[float]) -> str:
    """Return the mean and the least of some correlations."""
    return f"{np.mean(values):.4f} ({min(values):.4f})"


def win_rate_rows(found: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the largest differences from the official figures, in per cent points as published."""
    for column in ("win_rate", "standard_error", "discrete_win_rate"):
        values, official = paired(found, column, published(DATA / "alpaca_eval", column))
        difference = np.abs(100 * values - official).max()
        yield row(f"{column}, largest difference", f"{difference:.1e}", "<= 1e-6", f"{len(values)} models")


def length_controlled_rows(found: pa.Table, given: DataFrame) -> Iterator[dict[str, Any]]:
    """Yield how near the length-controlled win rates come to the published ones."""
    name, board = "length_controlled_win_rate", published(DATA / "alpaca_eval", "length_controlled_winrate")
    values, official = paired(found, name, board)
    of = f"{len(values)} models"
    yield row("length-controlled, Spearman", f"{rank_correlation(found, name, board):.4f}", ">= .97", of)
    yield row("length-controlled, mean difference in points", f"{np.abs(100 * values - official).mean():.2f}", "", of)
    yield row("raw win rate against it, Spearman", f"{rank_correlation(found, 'win_rate', board):.4f}", "", of)
    compared = given.where("preference IS NOT NULL")
    parts = [rank_correlation(length_controlled(half), name, board) for half in halves(compared, "first_model")]
    yield row("length-controlled, Spearman, mean (least)", spread(parts), "", f"{HALVES} halves of the models")


def bradley_terry_rows(found: pa.Table, given: DataFrame) -> Iterator[dict[str, Any]]:
    """Yield how near the ratings come to the published ones."""
    board = published(DATA / "debates", "bradley_terry")
    values, official = paired(found, "rating", board)
    of = f"{len(values)} models"
    yield row("Bradley-Terry, Spearman", f"{rank_correlation(found, 'rating', board):.4f}", ">= .99", of)
    yield row("Bradley-Terry, Pearson", f"{np.corrcoef(values, official)[0, 1]:.4f}", "", of)
    yield row("Bradley-Terry, mean difference in points", f"{np.abs(values - official).mean():.1f}", "", of)
    (low, _), (high, _) = paired(found, "rating_low", board), paired(found, "rating_high", board)
    inside = int(((low <= official) & (official <= high)).sum())
    yield row("published rating within the interval", f"{inside}", "", of)
    debated = given.where("preference IS NULL")
    parts = [rank_correlation(rated(half), "rating", board) for half in halves(debated, "topic")]
    yield row("Bradley-Terry, Spearman, mean (least)", spread(parts), "", f"{HALVES} halves of the topics")


def session() -> SparkSession:
    """Start a session with the settings and jars of the project."""
    return create_session(load(environ={}), ",".join(str(path) for path in jar_paths("spark")), "bench-ratings")


def main() -> None:
    """Measure, print and write the results."""
    with tempfile.TemporaryDirectory(prefix="helix-bench-") as folder:
        run = JobRun(session(), lake(Path(folder) / "lake", DATA), f"{folder}/out")
        found, record = model_ratings(run)
        given = verdicts(run)
        rows = [
            *win_rate_rows(found),
            *length_controlled_rows(found, given),
            *bradley_terry_rows(found, given),
            row("job, seconds", record["seconds"], "", f"{record['rows_in']:,} verdicts and calls"),
        ]
        run.spark.stop()
    publish("ratings", rows)


if __name__ == "__main__":
    main()
