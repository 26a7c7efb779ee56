"""How near the ratings of models come to the published ones: win rates, length-controlled ones, Bradley-Terry.

Halves, drawn by a fixed seed, show how the figures hold where there is less to go by: half of the models for the
length-controlled win rates, half of the topics for the ratings.
"""

import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from harness import publish
from scipy.stats import spearmanr

from helix_pipeline.domain.ratings.bradley_terry import ratings, strengths
from helix_pipeline.domain.ratings.length_controlled import length_controlled_win_rates
from helix_pipeline.domain.ratings.matchups import margin_shares, pair_scores
from helix_pipeline.domain.ratings.win_rates import preference_sums, win_rates

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
HALVES = 10


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file of JSON lines, packed or not."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def preferences(data: Path) -> pa.Table:
    """Return AlpacaEval's preferences as the win rates take them."""
    return pa.Table.from_pylist(
        [
            {
                "model": record["participants"][0]["model"],
                "instruction": record["topic"],
                "preference": record["preference_for_candidate"],
                "length": record["participants"][0]["output_chars"],
                "baseline_length": record["participants"][1]["output_chars"],
            }
            for record in lines(data / "alpaca_eval" / "debates.jsonl.gz")
        ]
    )


def judgments(data: Path) -> pa.Table:
    """Return the judgments of the debates as the ratings take them."""
    rows = [
        {"topic": record["topic_id"], "first": record["pro"], "second": record["con"], "margin": judged["margin_pro"]}
        for record in lines(data / "debates" / "debates.jsonl.gz")
        for judged in record["judgments"]
    ]
    table = pa.Table.from_pylist(rows)
    return table.append_column("share", pa.array(margin_shares(table["margin"].to_numpy())))


def rated(judged: pa.Table) -> pa.Table:
    """Return the Bradley-Terry ratings."""
    return ratings(strengths(pair_scores(judged)))


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


def halves(table: pa.Table, column: str) -> Iterator[pa.Table]:
    """Yield the rows of a random half of the column's values, `HALVES` times."""
    chance, values = np.random.default_rng(0), sorted(pc.unique(table[column]).to_pylist())
    for _ in range(HALVES):
        kept = chance.choice(values, len(values) // 2, replace=False)
        yield table.filter(pc.is_in(table[column], value_set=pa.array(kept)))


def row(figure: str, value: object, aim: str, of: str) -> dict[str, Any]:
    """Return a row of the result."""
    return {"figure": figure, "value": value, "aim": aim, "of": of}


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def win_rate_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the largest differences from the official figures, in per cent points as published."""
    found = win_rates(preference_sums(table))
    for column in ("win_rate", "standard_error", "discrete_win_rate"):
        values, official = paired(found, column, published(DATA / "alpaca_eval", column))
        difference = np.abs(100 * values - official).max()
        yield row(f"{column}, largest difference", f"{difference:.1e}", "<= 1e-6", f"{len(values)} models")


def length_controlled_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield how near the length-controlled win rates come to the published ones."""
    name, board = "length_controlled_win_rate", published(DATA / "alpaca_eval", "length_controlled_winrate")
    found = length_controlled_win_rates(table)
    values, official = paired(found, name, board)
    of = f"{len(values)} models"
    yield row("length-controlled, Spearman", f"{rank_correlation(found, name, board):.4f}", ">= .97", of)
    yield row("length-controlled, mean difference in points", f"{np.abs(100 * values - official).mean():.2f}", "", of)
    raw = win_rates(preference_sums(table))
    yield row("raw win rate against it, Spearman", f"{rank_correlation(raw, 'win_rate', board):.4f}", "", of)
    parts = [rank_correlation(length_controlled_win_rates(half), name, board) for half in halves(table, "model")]
    yield row("length-controlled, Spearman, mean (least)", spread(parts), "", f"{HALVES} halves of the models")


def bradley_terry_rows(judged: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield how near the ratings come to the published ones."""
    board = published(DATA / "debates", "bradley_terry")
    found = rated(judged)
    values, official = paired(found, "rating", board)
    of = f"{len(values)} models"
    yield row("Bradley-Terry, Spearman", f"{rank_correlation(found, 'rating', board):.4f}", ">= .99", of)
    yield row("Bradley-Terry, Pearson", f"{np.corrcoef(values, official)[0, 1]:.4f}", "", of)
    yield row("Bradley-Terry, mean difference in points", f"{np.abs(values - official).mean():.1f}", "", of)
    (low, _), (high, _) = paired(found, "low", board), paired(found, "high", board)
    inside = int(((low <= official) & (official <= high)).sum())
    yield row("published rating within the interval", f"{inside}", "", of)
    parts = [rank_correlation(rated(half), "rating", board) for half in halves(judged, "topic")]
    yield row("Bradley-Terry, Spearman, mean (least)", spread(parts), "", f"{HALVES} halves of the topics")


def spread(values: list[float]) -> str:
    """Return the mean and the least of some correlations."""
    return f"{np.mean(values):.4f} ({min(values):.4f})"


def speed_rows(table: pa.Table, judged: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield how long the preferences take, many times over as of other instructions, and the judgments."""
    times = max(1, 10**6 // table.num_rows)
    copies = [
        table.set_column(1, "instruction", pc.binary_join_element_wise(table["instruction"], str(copy), "#"))
        for copy in range(times)
    ]
    many = pa.concat_tables(copies)
    of = f"{many.num_rows:,} preferences"
    yield row("win rates, seconds", f"{seconds(lambda: win_rates(preference_sums(many))):.2f}", "", of)
    yield row("length-controlled, seconds", f"{seconds(lambda: length_controlled_win_rates(many)):.2f}", "", of)
    yield row("Bradley-Terry, seconds", f"{seconds(lambda: rated(judged)):.3f}", "", f"{judged.num_rows:,} judgments")


def main() -> None:
    """Measure, print and write the results."""
    table, judged = preferences(DATA), judgments(DATA)
    parts = (win_rate_rows(table), length_controlled_rows(table), bradley_terry_rows(judged), speed_rows(table, judged))
    publish("ratings", [found for part in parts for found in part])


if __name__ == "__main__":
    main()
