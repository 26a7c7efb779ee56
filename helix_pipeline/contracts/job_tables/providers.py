"""Schemas of what ProviderPerformance writes."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import JobTable
from helix_pipeline.contracts.rows import TIMESTAMP

PROVIDER_PERFORMANCE = JobTable(
    "provider_performance",
    pa.schema(
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
    ),
)
"""Calls of a provider's model. Rates are shares with 95 % Wilson intervals, latencies in ms, cost in US dollars."""
