"""How panels read ClickHouse's rollups: the finer one while points are less than an hour apart, else the coarser."""

HOUR_S = 3600
P50, P95, P99 = 1, 2, 3
"""Places of the quantiles that the sketches of the rollups keep."""


def rollup(name: str, *conditions: str) -> str:
    """Return a subquery over `<name>_minutely` or `<name>_hourly`, from the bucket in which the range begins.

    The test on the interval is constant, so that the other table is not read at all.
    """
    parts = [("minutely", "toStartOfMinute", "<"), ("hourly", "toStartOfHour", ">=")]
    return "(" + " UNION ALL ".join(_part(name, *part, conditions) for part in parts) + ")"


def _part(name: str, grain: str, begin: str, compare: str, conditions: tuple[str, ...]) -> str:
    limits = [f"$__interval_s {compare} {HOUR_S}", *within("time", begin), *conditions]
    return f"SELECT * FROM {name}_{grain} WHERE {' AND '.join(limits)}"


def within(column: str, begin: str) -> tuple[str, str]:
    """Return conditions that keep buckets in the range of the dashboard; `begin` rounds down to a bucket."""
    return f"{column} >= {begin}($__fromTime)", f"{column} <= $__toTime"


def chosen(column: str, variable: str) -> str:
    """Return the condition that a column has a value that is chosen in a variable."""
    return f"$__conditionalAll({column} IN (${{{variable}:singlequote}}), ${variable})"


def quantile(sketch: str, place: int) -> str:
    """Return a quantile of merged sketches."""
    return f"quantilesDDMerge(0.01, 0.5, 0.95, 0.99)({sketch})[{place}]"


def share(part: str, whole: str) -> str:
    """Return a share in [0, 1], null where there is nothing to share."""
    return f"{part} / nullIf({whole}, 0)"
