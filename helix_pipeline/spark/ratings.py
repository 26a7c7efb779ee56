"""How good models are by the lake's debates: win rates, Bradley-Terry ratings and length-controlled win rates.

Debates become verdicts, and verdicts sums by model and by pair of models, on the executors; what comes to the driver
is as many rows as there are models, positions and pairs. Sums are of decimals, so that no order of adding changes them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.job_tables.providers import MODEL_RATINGS
from helix_pipeline.domain.debates.events import EVENTS, verdicts_given
from helix_pipeline.domain.ratings.bradley_terry import RATINGS, ratings, strengths
from helix_pipeline.domain.ratings.length_controlled import LENGTH_CONTROLLED, length_controlled_win_rates
from helix_pipeline.domain.ratings.matchups import PAIR_SCORES, pair_scores, pools
from helix_pipeline.domain.ratings.outcomes import OUTCOMES, outcomes
from helix_pipeline.domain.ratings.win_rates import SUMS, win_rates
from helix_pipeline.spark.debates import debate_events, whole, whole_debates
from helix_pipeline.spark.job_run import JobRun

_EXACT = "decimal(28,18)"
_BY_BASELINE = pa.schema([pa.field("baseline", pa.string()), *LENGTH_CONTROLLED])
_RATED = pa.schema([*(RATINGS.field(name) for name in RATINGS.names), pa.field("pool", pa.int64())])
_SIDES = ("first", "second")


def verdicts(job: JobRun) -> DataFrame:
    """Return the verdicts on the run's debates as `OUTCOMES`, computed once and kept; texts give but their lengths."""
    lengths = F.coalesce("characters", F.length("content")).alias("characters")
    others = [name for name in EVENTS.names if name not in ("characters", "content")]
    events = debate_events(job, [*others, lengths, F.lit(None).cast("string").alias("content")])
    found = events.mapInArrow(_outcomes, from_arrow_schema(OUTCOMES))
    return found.persist(StorageLevel.MEMORY_AND_DISK)


def model_ratings(given: DataFrame) -> pa.Table:
    """Return the rows of `MODEL_RATINGS` for verdicts (`OUTCOMES`), in order of model and position."""
    decided = given.where("share IS NOT NULL AND first_model <> second_model")
    counts = counted(decided)
    overall = counts.filter(pc.is_null(counts["position"]))
    for found in (rated(decided), length_controlled(decided)):
        overall = overall.join(found, "model")
    by_position = counts.filter(pc.is_valid(counts["position"]))
    rows = pa.concat_tables([overall, by_position], promote_options="default")
    return rows.sort_by([("model", "ascending"), ("position", "ascending")]).select(MODEL_RATINGS.schema.names)


def counted(decided: DataFrame) -> pa.Table:
    """Return debates, wins, losses, ties and win rates of each model: in each position, and (null) over all.

    A debate gives its first side 1, ½ or 0 points by the sum of the margins, or by votes where margins give none;
    where judges gave preferences it gives their mean.
    """
    balance = F.coalesce(F.nullif(F.round(F.sum("margin"), 9), F.lit(0.0)), F.sum("lead"))
    points = F.coalesce(F.avg("preference"), (F.signum(balance) + 1) / 2)
    about = [F.first(f"{side}_{name}").alias(f"{side}_{name}") for side in _SIDES for name in ("model", "position")]
    debates = decided.groupBy("debate_id").agg(points.alias("points"), *about)
    each = debates.select(F.inline(F.array(_side("first", F.col("points")), _side("second", 1 - F.col("points")))))
    grouped = each.rollup("model", "position").agg(F.grouping_id().alias("level"), *_sums())
    sums = grouped.where("level = 1 OR level = 0 AND position IS NOT NULL").toArrow()
    return _with_rates(sums)


def rated(decided: DataFrame) -> pa.Table:
    """Return `RATINGS` and the number of the `pool` of each model: ratings of different pools cannot be compared."""
    duels = decided.select(
        "topic",
        F.col("first_model").alias("first"),
        F.col("second_model").alias("second"),
        "share",
        F.col("preference").isNull().alias("ordered"),
    )
    by_topic = duels.repartition("topic").sortWithinPartitions("topic", "first", "second", "share")
    parts = by_topic.mapInArrow(_pair_scores, from_arrow_schema(PAIR_SCORES))
    pairs = parts.groupBy("first", "second", "order").agg(
        F.sum("n").alias("n"), *map(_exact_sum, ("points", "squares"))
    )
    scores = pairs.orderBy("first", "second", "order").toArrow().cast(PAIR_SCORES)
    found = [ratings(strengths(pool)) for pool in pools(scores)]
    numbered = [part.append_column("pool", pa.repeat(number, len(part))) for number, part in enumerate(found)]
    return pa.concat_tables([_RATED.empty_table(), *numbered]).rename_columns(
        ["model", "matchups", "rating", "rating_low", "rating_high", "pool"]
    )


def length_controlled(decided: DataFrame) -> pa.Table:
    """Return the length-controlled win rate of each model against the baseline that it has most preferences with.

    The second side of a preference is the baseline. Each baseline's preferences go to one executor.
    """
    lengths = {"length": F.col("first_length"), "baseline_length": F.col("second_length")}
    answers = decided.where("preference IS NOT NULL").withColumns(lengths).dropna(subset=["topic", *lengths])
    given = answers.select(
        F.col("second_model").alias("baseline"),
        F.col("first_model").alias("model"),
        F.col("topic").alias("instruction"),
        "preference",
        *lengths,
    )
    rates = given.groupBy("baseline").applyInArrow(_length_controlled, from_arrow_schema(_BY_BASELINE)).toArrow()
    most = rates.sort_by([("model", "ascending"), ("n", "descending"), ("baseline", "ascending")])
    shown = ["baseline", "length_controlled_win_rate", "length_effect"]
    found = most.group_by("model", use_threads=False).aggregate([(name, "first") for name in shown])
    return found.rename_columns(["model", *shown])


def _outcomes(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for events in whole_debates(batches):
        yield from outcomes(verdicts_given(events)).to_batches()


def _pair_scores(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for duels in whole(batches, "topic"):
        yield from pair_scores(duels).to_batches()


def _length_controlled(key: tuple[Any, ...], preferences: pa.Table) -> pa.Table:
    ordered = preferences.sort_by([(name, "ascending") for name in ("model", "instruction", "preference", "length")])
    found = length_controlled_win_rates(ordered)
    return found.add_column(0, "baseline", pa.repeat(key[0], len(found))).cast(_BY_BASELINE)


def _side(side: str, points: Column) -> Column:
    return F.struct(*(F.col(f"{side}_{name}").alias(name) for name in ("model", "position")), points.alias("points"))


def _sums() -> list[Column]:
    points = F.col("points")
    counts = {"n": F.count("*"), "wins": F.count_if(points > 0.5), "ties": F.count_if(points == 0.5)}
    columns = [count.alias(name) for name, count in counts.items()]
    return [*columns, _exact_sum("points"), _exact_sum("squares", points * points)]


def _exact_sum(name: str, values: Column | None = None) -> Column:
    given = F.col(name) if values is None else values
    return F.sum(given.cast(_EXACT)).cast("double").alias(name)


def _with_rates(sums: pa.Table) -> pa.Table:
    """Add losses and the win rates with their intervals to sums by model and position."""
    rates = win_rates(sums.select(SUMS.names).cast(SUMS))
    losses = pc.subtract(pc.subtract(sums["n"], sums["wins"]), sums["ties"])
    columns = {"position": sums["position"], "wins": sums["wins"], "losses": losses, "ties": sums["ties"]}
    names = ["model", "debates", "win_rate", "standard_error", "win_rate_low", "win_rate_high", "discrete_win_rate"]
    return pa.table(columns | dict(zip(names, rates.columns, strict=True)))
