"""Schemas of what ProviderPerformance writes: calls of models, and their ratings."""

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

MODEL_RATINGS = JobTable(
    "model_ratings",
    pa.schema(
        [
            pa.field("model", pa.string()),
            pa.field("position", pa.string()),
            pa.field("debates", pa.int64()),
            pa.field("wins", pa.int64()),
            pa.field("losses", pa.int64()),
            pa.field("ties", pa.int64()),
            pa.field("win_rate", pa.float64()),
            pa.field("win_rate_low", pa.float64()),
            pa.field("win_rate_high", pa.float64()),
            pa.field("standard_error", pa.float64()),
            pa.field("discrete_win_rate", pa.float64()),
            pa.field("matchups", pa.int64()),
            pa.field("rating", pa.float64()),
            pa.field("rating_low", pa.float64()),
            pa.field("rating_high", pa.float64()),
            pa.field("pool", pa.int64()),
            pa.field("baseline", pa.string()),
            pa.field("length_controlled_win_rate", pa.float64()),
            pa.field("length_effect", pa.float64()),
        ]
    ),
)
"""A model's record in debates and preferences: a row over all its positions (`position` null), and one for each.

`win_rate` is the mean of the points of its debates, 1, 0.5 or 0, or the judge's preference in [0, 1]; `low` and `high`
are 95 % intervals. The columns from `matchups` on are about all positions: the Bradley-Terry `rating` (400 points are
odds of ten to one, mean 1500 within a `pool`; pools share no matchup), and the win rate at equal length against the
`baseline` that it was compared with most, with the effect of length in logits."""
