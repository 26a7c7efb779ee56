"""Schemas of the tables that batch jobs write. Each also has `period`: `all`, or the day that a run was about."""

import pyarrow as pa

from helix_pipeline.contracts.rows import TIMESTAMP

PROVIDER_PERFORMANCE = pa.schema(
    [
        pa.field("provider", pa.string()),
        pa.field("model", pa.string()),
        pa.field("requests", pa.int64()),
        pa.field("successes", pa.int64()),
        pa.field("success_rate", pa.float64()),
        pa.field("success_rate_low", pa.float64()),
        pa.field("success_rate_high", pa.float64()),
        pa.field("latency_p50_ms", pa.float64()),
        pa.field("latency_p95_ms", pa.float64()),
        pa.field("latency_p99_ms", pa.float64()),
        pa.field("tokens_prompt", pa.int64()),
        pa.field("tokens_completion", pa.int64()),
        pa.field("cost", pa.float64()),
        pa.field("first_call", TIMESTAMP),
        pa.field("last_call", TIMESTAMP),
    ]
)
"""Calls of a provider's model. Rates are shares with 95 % Wilson intervals, latencies in ms, cost in US dollars."""

JOB_RUNS = pa.schema(
    [
        pa.field("run_id", pa.string()),
        pa.field("job", pa.string()),
        pa.field("period", pa.string()),
        pa.field("started_at", TIMESTAMP),
        pa.field("seconds", pa.float64()),
        pa.field("rows_in", pa.int64()),
        pa.field("rows_out", pa.int64()),
        pa.field("rejected", pa.int64()),
        pa.field("metrics", pa.string()),
    ]
)
"""One row for each run of a job that ended well; `metrics` is a JSON object of the job's own figures."""
