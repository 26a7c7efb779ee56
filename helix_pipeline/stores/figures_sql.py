"""The questions of analytics in ClickHouse's SQL. Values are bound: `since`, `whole`, `until`, and those of a question.

A window is read from two rollups: whole hours from the hourly one and the minutes before the first of them from the
minutely one, or, of a long window, whole days and the hours before the first of them.
"""

from helix_pipeline.domain.analytics.window import Bucket, WholeHours

# ruff: noqa: S608 - only names of columns and tables are put together, values are bound

_FINE = "time >= {since:DateTime('UTC')} AND time < {whole:DateTime('UTC')}"
_COARSE = "time >= {whole:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
_ENDED = "ended_at >= {since:DateTime('UTC')} AND ended_at < {whole:DateTime('UTC')}"
_DAYS = "day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})"


LEVELS = {False: ("minutely", "hourly"), True: ("hourly", "daily")}
"""The fine and the coarse rollup of a window that is long, or not."""


def _rollup(name: str, columns: str, where: str, long: bool) -> str:
    parts = zip(LEVELS[long], (_FINE, _COARSE), strict=True)
    return " UNION ALL ".join(f"SELECT {columns} FROM {name}_{each} WHERE {when} AND {where}" for each, when in parts)


_CALLS = (
    "requests, failures, latency_ms, tokens_prompt, tokens_completion, cost",
    "quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency)",
    "latency",
)
_CALLS_AND_ERRORS = (_CALLS[0], f"{_CALLS[1]}, sumMap(errors)", f"{_CALLS[2]}, errors")
_TURNS = (
    "turns, timed, response_time_ms, rated, confidence",
    "quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(response_time)",
    "response_time",
)
_OF = "provider = {provider:String}"


def _sums(kind: str, rollup: str, columns: tuple[str, str, str], key: str, *, where: str, long: bool) -> str:
    names, quantiles, state = columns
    sums = ", ".join(f"toFloat64(sum({name}))" for name in names.split(", "))
    source = _rollup(rollup, f"{key}, {names}, {state}", where, long)
    return f"SELECT '{kind}', {key}, [{sums}], {quantiles} FROM ({source})"


def _outcomes(keys: str, where: str, long: bool) -> str:
    """Whole hours have been counted; the first one of a window that is not long is counted from its outcomes."""
    whole = (
        f"SELECT time, {keys}, debates, wins, ended, decisions FROM debate_outcomes_hourly FINAL"
        " WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
        f" AND debates > 0 AND {where}"
    )
    first = (
        f"SELECT toStartOfHour(ended_at) AS time, {keys}, count() AS debates, countIf(won) AS wins,"
        " countIf(leads) AS ended, countIf(leads AND decided) AS decisions FROM debate_outcomes FINAL"
        f" WHERE {_ENDED} AND {where} GROUP BY time, {keys}"
    )
    return whole if long else f"{whole} UNION ALL {first}"


def _figures(key: str, calls: tuple[str, str, str], where: str, grouped: str, long: bool) -> tuple[str, ...]:
    """Return the statements of calls, turns and outcomes.

    A row has what it is about, a name, the sums in the order of their fields, and quantiles.
    """
    parts = (
        _sums("calls", "provider_stats", calls, key, where=where, long=long),
        _sums("turns", "debate_stats", _TURNS, key, where=where, long=long),
        f"SELECT 'outcomes', {key}, [sum(debates), sum(wins)], [0., 0., 0.] FROM ({_outcomes(key, where, long)})",
    )
    return tuple(f"{part} GROUP BY {key}{grouped}" for part in parts)


PROVIDERS = {long: _figures("provider", _CALLS, "1", "", long) for long in LEVELS}
"""Statements by whether the window is long."""

MODELS = {long: _figures("model", _CALLS_AND_ERRORS, _OF, " WITH ROLLUP", long) for long in LEVELS}
"""The models of one provider, and under an empty name all of them together; rows of calls end with errors by type."""

_BEGIN = {"minute": "time", "hour": "toStartOfHour(time)", "day": "toStartOfDay(time, 'UTC')"}
_SAMPLE = "provider, sum(requests), sum(failures), sum(latency_ms), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency)[2]"


def series(bucket: Bucket, of_one: bool, long: bool) -> str:
    """Return the statement of a series by `minute`, `hour` or `day`; `long` takes whole days together."""
    where, columns = _OF if of_one else "1", "time, provider, requests, failures, latency_ms, latency"
    if bucket == "minute":
        minutes = "time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
        source = f"SELECT {columns} FROM provider_stats_minutely WHERE {minutes} AND {where}"
    else:
        source = _rollup("provider_stats", columns, where, long)
    return f"SELECT {_BEGIN[bucket]} AS at, {_SAMPLE} FROM ({source}) GROUP BY at, provider ORDER BY at, provider"


CONVERSATIONS = f"""
SELECT day, count(), sum(messages), sum(tokens), sum(dateDiff('millisecond', first, last)) / 1000
FROM conversation_metrics FINAL WHERE {_DAYS} GROUP BY day ORDER BY day
"""

WINNERS = {
    long: f"""
SELECT provider, model, sum(wins) AS won, sum(debates) AS spoke, sum(sum(ended)) OVER (), sum(sum(decisions)) OVER ()
FROM ({_outcomes("provider, model", "1", long)}) GROUP BY provider, model
ORDER BY won DESC, spoke, provider, model LIMIT {{limit:UInt32}}
"""
    for long in LEVELS
}


def wins(bucket: WholeHours, long: bool) -> str:
    """Return the statement of the debates of those whom `WINNERS` finds and who won any, by `hour` or `day`."""
    return (
        f"SELECT {_BEGIN[bucket]} AS at, provider, model, sum(wins), sum(debates)"
        f" FROM ({_outcomes('provider, model', '1', long)})"
        f" WHERE (provider, model) IN (SELECT provider, model FROM ({WINNERS[long]}) WHERE won > 0)"
        " GROUP BY at, provider, model ORDER BY at, provider, model"
    )


DEBATE = """
SELECT
    event_type,
    multiIf(
        event_type = 'debate.turn', assumeNotNull(participant),
        event_type = 'debate.judged', coalesce(toString(winner), ''),
        ''
    ) AS who,
    count(),
    any(topic),
    min(timestamp),
    max(timestamp),
    coalesce(max(round), 0),
    argMax((winner, consensus_reached), (ingested_at, kafka_offset)),
    argMax((position, provider, model), (ingested_at, kafka_offset)),
    count(response_time_ms),
    sum(coalesce(response_time_ms, 0)),
    arrayMap(x -> coalesce(x, 0), quantilesExact(0.5, 0.95, 0.99)(response_time_ms)),
    count(confidence),
    sum(coalesce(confidence, 0))
FROM debate_events WHERE debate_id = {debate_id:String} GROUP BY event_type, who ORDER BY event_type, who
"""
"""A row for each participant that spoke, for each that judges named, and for each other kind of event."""

ENTITY_DAYS = f"""
SELECT
    day, sum(extractions), sum(mentions), uniqCombinedMerge(12)(entities), toUInt64(round(sum(messages)))
FROM entity_types_daily WHERE {_DAYS} GROUP BY day ORDER BY day
"""

ENTITY_RISES = f"""
SELECT any(entity_id) AS id, max(name), any(type), sumIf(mentions, day >= toDate({{since:DateTime('UTC')}})) AS named,
    sumIf(mentions, day < toDate({{since:DateTime('UTC')}}))
FROM entity_history
WHERE day >= toDate({{before:DateTime('UTC')}}) AND day < toDate({{until:DateTime('UTC')}}) AND entity IN
(
    SELECT entity FROM entity_stats_daily WHERE {_DAYS}
    GROUP BY entity ORDER BY sum(mentions) DESC, entity LIMIT {{limit:UInt32}}
)
GROUP BY entity ORDER BY named DESC, id
"""

COMPRESSIONS = """
SELECT strategy, count(), countIf(cached), sum(original_tokens), sum(compressed_tokens), count(quality_score),
    sum(coalesce(quality_score, 0)), sum(duration_ms)
FROM compression_stats
WHERE timestamp >= {since:DateTime('UTC')} AND timestamp < {until:DateTime('UTC')}
GROUP BY strategy ORDER BY strategy
"""

USAGE = """
SELECT sum(requests), sumIf(requests, status >= 500), sum(duration_ms),
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(duration)
FROM usage_stats_minutely WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
"""
