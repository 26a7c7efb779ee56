"""Shares of sums: of nothing there is none; a share of wins comes with its interval."""

from helix_pipeline.domain.ratings.intervals import wilson


def share(part: float, whole: float) -> float | None:
    """Return `part / whole`, None where the whole is nothing."""
    return part / whole if whole else None


def win_interval(wins: int, debates: int) -> tuple[float, float] | None:
    """Return the 95 % Wilson interval of a win rate, None without debates."""
    if not debates:
        return None
    low, high = wilson(wins, debates)
    return float(low), float(high)
