"""DebateAnalysis: what happened in each debate, who won it, who is best in which position, who will win the next.

Each debate becomes one row on the executors. The predictor learns in one task, from at most `sample` debates (about
20 kB of features each), taken topic by topic in order of the topic's hash. What comes to the driver is the predictor,
2 MB however many debates there are, its scores, and counts by model and position.
"""

import pickle
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast, StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.job_tables.debates import DEBATE_ANALYSIS, DEBATE_POSITIONS, DEBATE_PREDICTOR
from helix_pipeline.domain.debates import evaluation, features, verdicts
from helix_pipeline.domain.debates.cases import CASES, cases
from helix_pipeline.domain.debates.events import EVENTS
from helix_pipeline.domain.debates.predictor import WinnerPredictor
from helix_pipeline.spark.debates import debate_events, whole_debates
from helix_pipeline.spark.job_run import JobRun, Result

CHANCES = pa.schema([pa.field("debate_id", pa.string()), pa.field("chance_first", pa.float64())])
LEARNED = pa.schema(
    [
        pa.field("chances", pa.list_(pa.struct(list(CHANCES)))),
        pa.field("scores", pa.list_(pa.struct(list(DEBATE_PREDICTOR.schema)))),
        pa.field("predictor", pa.binary()),
    ]
)
"""What was learnt: each debate's chance as predicted from other topics, scores, and the predictor fitted to all."""


def run(job: JobRun) -> Result:
    """Return `debate_analysis`, `debate_positions` and `debate_predictor` of the lake's debates.

    Rows read are events. A debate without words, such as a preference between two answers, has no row; the events of
    one without a turn are rejected.
    """
    found = analysed(job)
    spoken = found.where("words > 0")
    learned = learnt(spoken, job.parameters["sample"])
    known = learned.select("scores", "predictor").first()
    scores = pa.Table.from_pylist([row.asDict() for row in known.scores] if known else [], DEBATE_PREDICTOR.schema)
    rows = with_chances(spoken, learned, known.predictor if known else None)
    records, bias = by_position(spoken)
    tables = {DEBATE_ANALYSIS.name: rows, DEBATE_POSITIONS.name: records, DEBATE_PREDICTOR.name: scores}
    counts = found.agg(*_counts()).first()
    metrics = {"debates": counts.debates, "without_words": counts.without_words, **bias, **_held_out(scores)}
    return Result(tables, counts.events, rejected=counts.without_turns, metrics=metrics)


def analysed(job: JobRun) -> DataFrame:
    """Return the run's debates as `CASES`, computed once and kept."""
    topic_id = F.get_json_object("metadata", "$.topic_id").alias("topic_id")
    events = debate_events(job, [*EVENTS.names, topic_id])
    return events.mapInArrow(_cases, from_arrow_schema(CASES)).persist(StorageLevel.MEMORY_AND_DISK)


def learnt(debates: DataFrame, sample: int) -> DataFrame:
    """Return one row of `LEARNED` (none for no debate with a verdict), computed once and kept."""
    judged = debates.where("judges IS NOT NULL AND first_style IS NOT NULL")
    chosen = judged.orderBy(F.xxhash64("topic"), "debate_id").limit(sample)
    return chosen.coalesce(1).mapInArrow(_learn, from_arrow_schema(LEARNED)).persist(StorageLevel.MEMORY_AND_DISK)


def with_chances(debates: DataFrame, learned: DataFrame, predictor: bytes | None) -> DataFrame:
    """Return the rows of `DEBATE_ANALYSIS`.

    A debate that the predictor learnt from has the chance as predicted from other topics, any other that of the
    predictor fitted to all.
    """
    chances = learned.select(F.inline("chances")).withColumn("held_out", F.lit(True))
    if predictor:
        rest = debates.where("first_style IS NOT NULL").join(chances, "debate_id", "left_anti")
        work = partial(_predict, predictor=debates.sparkSession.sparkContext.broadcast(predictor))
        predicted = rest.select(*features.CONTESTS.names).mapInArrow(work, from_arrow_schema(CHANCES))
        chances = chances.unionByName(predicted.withColumn("held_out", F.lit(False)))
    dates = {name: getattr(F, name)("started_at") for name in ("year", "month", "day")}
    winners = {f"winner_{name}": _of_winner(name) for name in ("position", "model")}
    return debates.withColumns(dates | winners).join(chances, "debate_id", "left").select(*DEBATE_ANALYSIS.schema.names)


def by_position(debates: DataFrame) -> tuple[pa.Table, dict[str, float]]:
    """Return the rows of `DEBATE_POSITIONS`, and how much the positions are favoured: a share and its p."""
    sides = [
        F.struct(
            F.col(f"{side}_position").alias("position"),
            F.col(f"{side}_model").alias("model"),
            F.col("winner").eqNullSafe(F.col(f"{side}_participant")).alias("won"),
        )
        for side in features.SIDES
    ]
    heard = debates.where("judges IS NOT NULL").select(F.inline(F.array(*sides))).where("position IS NOT NULL")
    sums = (F.count("*").alias("debates"), F.count_if("won").alias("wins"))
    counts = heard.groupBy("position", "model").agg(*sums).toArrow()
    wins = counts.group_by("position").aggregate([("wins", "sum")])
    bias = verdicts.side_bias(dict(zip(wins["position"].to_pylist(), wins["wins_sum"].to_pylist(), strict=True)))
    return verdicts.records(counts), {"side_bias": float(bias["share"]), "side_bias_p": float(bias["p"])}


def _cases(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for events in whole_debates(batches):
        yield from cases(events).to_batches()


def _learn(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield one row of `LEARNED` for all debates of the task; too few of them leave it empty."""
    debates = pa.concat_tables([CASES.empty_table(), *map(_as_table, batches)]).sort_by("debate_id")
    if not len(debates):
        return
    given = evaluation.judged(debates)
    row: dict[str, object] = {"chances": [], "scores": [], "predictor": None}
    if evaluation.is_enough(given):
        chances, scores = evaluation.evaluated(debates, given)
        fitted = WinnerPredictor(evaluation.PREDICTORS[evaluation.WHOLE])
        fitted.fit(given.debates, given.margin, given.won, given.topic)
        columns = [debates["debate_id"], pa.array(chances)]
        row = {"chances": pa.table(columns, CHANCES).to_pylist(), "scores": scores.to_pylist()}
        row["predictor"] = pickle.dumps(fitted)
    yield from pa.Table.from_pylist([row], LEARNED).to_batches()


def _predict(batches: Iterable[pa.RecordBatch], predictor: "Broadcast[bytes]") -> Iterator[pa.RecordBatch]:
    fitted: WinnerPredictor = pickle.loads(predictor.value)  # noqa: S301 - made by another task of this very run
    for batch in batches:
        debates = features.from_table(_as_table(batch))
        yield pa.record_batch([batch["debate_id"], pa.array(fitted.chances(debates))], schema=CHANCES)


def _as_table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _of_winner(name: str) -> Column:
    won = [F.col("winner") == F.col(f"{side}_participant") for side in features.SIDES]
    first, second = (F.col(f"{side}_{name}") for side in features.SIDES)
    return F.when(won[0], first).when(won[1], second)


def _counts() -> list[Column]:
    events, spoken = F.col("events"), F.coalesce("words", F.lit(0)) > 0
    return [
        F.coalesce(F.sum(events), F.lit(0)).alias("events"),
        F.coalesce(F.sum(F.when(F.col("turns").isNull(), events)), F.lit(0)).alias("without_turns"),
        F.count_if(spoken).alias("debates"),
        F.count_if(~spoken).alias("without_words"),
    ]


def _held_out(scores: pa.Table) -> dict[str, float]:
    """Return the accuracy and log-loss of the predictor, as figures of the run."""
    mine = (pc.field("predictor") == evaluation.WHOLE) & (pc.field("winner_by") == "majority")
    return {name: row[name] for row in scores.filter(mine).to_pylist() for name in ("accuracy", "log_loss")}
