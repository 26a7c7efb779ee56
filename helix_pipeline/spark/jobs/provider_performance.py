"""ProviderPerformance: how models answered, how fast and at what cost, and how good they are by debates."""

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.job_tables.providers import MODEL_RATINGS, PROVIDER_PERFORMANCE
from helix_pipeline.domain.ratings.intervals import wilson
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.ratings import model_ratings, verdicts

ACCURACY = 10_000
"""Of the latency percentiles: a rank is at most 1 / 10,000 off, in bounded memory."""


def run(job: JobRun) -> Result:
    """Return `provider_performance` of the lake's provider calls and `model_ratings` of its debates.

    Rows read are calls and verdicts; a verdict on a debate of which fewer than two sides are in the lake is rejected.
    """
    found = with_intervals(summed(job.table("provider_calls")).toArrow())
    calls = int(pc.sum(found["requests"]).as_py() or 0)
    failed = calls - int(pc.sum(found["successes"]).as_py() or 0)
    given = verdicts(job)
    unknown = F.count_if(F.col("first_model").isNull()).alias("unknown")
    counts = given.agg(F.count("*").alias("verdicts"), unknown).first()
    rows = model_ratings(given) if counts.verdicts else MODEL_RATINGS.schema.empty_table()
    metrics = {"failed_calls": failed, "verdicts": counts.verdicts}
    tables = {PROVIDER_PERFORMANCE.name: found, MODEL_RATINGS.name: rows}
    given.unpersist()
    return Result(tables, calls + counts.verdicts, rejected=counts.unknown, metrics=metrics)


def summed(calls: DataFrame) -> DataFrame:
    """Add up the calls of each provider and model; latencies are those of all calls, failed ones too."""
    sums = calls.groupBy("provider", "model").agg(
        F.count("*").alias("requests"),
        F.count_if("success").alias("successes"),
        F.percentile_approx("latency_ms", [0.5, 0.95, 0.99], ACCURACY).alias("latency"),
        *(F.sum(name).alias(name) for name in ("tokens_prompt", "tokens_completion", "cost")),
        F.min("timestamp").alias("first_call"),
        F.max("timestamp").alias("last_call"),
    )
    shown = {f"latency_{name}_ms": F.col("latency")[place] for place, name in enumerate(("p50", "p95", "p99"))}
    return sums.withColumns(shown).drop("latency").orderBy("provider", "model")


def with_intervals(sums: pa.Table) -> pa.Table:
    """Add the share of successes with its Wilson interval; rows of `PROVIDER_PERFORMANCE`."""
    successes, requests = (sums[name].to_numpy() for name in ("successes", "requests"))
    low, high = wilson(successes, requests)
    added = {"success_rate": successes / requests, "success_rate_low": low, "success_rate_high": high}
    columns = {name: sums[name] for name in sums.column_names} | {name: pa.array(v) for name, v in added.items()}
    return pa.table(columns).select(PROVIDER_PERFORMANCE.schema.names)
