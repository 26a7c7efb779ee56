"""Ratings of real preferences and debates, through the lake and the job, against what their sources published."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from ratings import lake, model_ratings, paired, published, rank_correlation

from helix_pipeline.spark.job_run import JobRun

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def found(spark: SparkSession, data: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("published")
    return model_ratings(JobRun(spark, lake(folder / "lake", data), str(folder / "out")))[0]


def test_win_rates_are_those_of_alpaca_eval(found: pa.Table, data: Path) -> None:
    for column in ("win_rate", "standard_error", "discrete_win_rate"):
        values, official = paired(found, column, published(data / "alpaca_eval", column))
        assert len(values) == len(official) > 1
        assert np.abs(100 * values - official).max() <= 1e-6


def test_length_controlled_win_rates_rank_as_those_of_alpaca_eval(found: pa.Table, data: Path) -> None:
    board = published(data / "alpaca_eval", "length_controlled_winrate")
    assert rank_correlation(found, "length_controlled_win_rate", board) >= 0.97


def test_bradley_terry_ratings_rank_as_the_published_board(found: pa.Table, data: Path) -> None:
    board = published(data / "debates", "bradley_terry")
    assert rank_correlation(found, "rating", board) >= 0.99
