"""Win rates of models from sums of preferences, counted as AlpacaEval counts them."""

import numpy as np
import pyarrow as pa

from helix_pipeline.domain.ratings.intervals import wilson

SUMS = pa.schema(
    [
        pa.field("model", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("wins", pa.int64()),
        pa.field("ties", pa.int64()),
        pa.field("points", pa.float64()),
        pa.field("squares", pa.float64()),
    ]
)
"""Per model: preferences, those above and at a half, the sum of the preferences and of their squares."""

WIN_RATES = pa.schema(
    [
        pa.field("model", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("win_rate", pa.float64()),
        pa.field("standard_error", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("discrete_win_rate", pa.float64()),
    ]
)
"""All rates between 0 and 1. `low` and `high` are the Wilson limits of `win_rate`."""


def win_rates(sums: pa.Table, level: float = 0.95) -> pa.Table:
    """Return the win rates of models as a table of `WIN_RATES`, from a table of `SUMS` with one row per model.

    `win_rate` is the mean preference; `standard_error` that of the mean, null for fewer than two preferences;
    `discrete_win_rate` counts wins, and half of the ties. They are the figures of these names on the AlpacaEval
    leaderboard (there in per cent). Raises ValueError unless 0 < level < 1.
    """
    n, wins, ties, points, squares = (sums[name].to_numpy().astype(np.float64) for name in SUMS.names[1:])
    rate = points / n
    deviations = np.maximum(squares - points * rate, 0)
    variance = np.divide(deviations, n - 1, out=np.zeros(len(n)), where=n > 1)
    error = pa.array(np.sqrt(variance / n), mask=n < 2)
    low, high = wilson(np.clip(points, 0, n), n, level)
    columns = [sums["model"], sums["n"], rate, error, low, high, (wins + ties / 2) / n]
    return pa.table(dict(zip(WIN_RATES.names, columns, strict=True)), schema=WIN_RATES)
