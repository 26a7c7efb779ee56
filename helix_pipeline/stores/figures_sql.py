"""The questions of analytics in ClickHouse's SQL. Values are bound: `since`, `whole`, `until`, and those of a question.

A window is read from two rollups: whole hours from the hourly one and the minutes before the first of them from the
minutely one, or, of a long window, whole days and the hours before the first of them.
"""

from helix_pipeline.domain.analytics.window import Bucket

# ruff: noqa: S608 - only names of columns and tables are put together, values are bound

_FINE = "time >= {since:DateTime('UTC')} AND time < {whole:DateTime('UTC')}"
_COARSE = "time >= {whole:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
_ENDED = "ended_at >= {since:DateTime('UTC')} AND ended_at < {until:DateTime('UTC')}"
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
    return f"SELECT '{kind}' AS kind, {key} AS name, [{sums}] AS sums, {quantiles} AS quantiles FROM ({source})"


def _figures(key: str, where: str, grouped: str, long: bool) -> str:
    """Return one statement for all sums: a statement costs more to plan than these rows to read.

    A row has what it is about, a name, the sums in the order of their fields, and quantiles.
    """
    won = (
        f"SELECT 'outcomes' AS kind, {key} AS name, [toFloat64(count()), toFloat64(countIf(won))] AS sums, [0., 0., 0.]"
    )
    parts = (
        _sums("calls", "provider_stats", _CALLS, key, where=where, long=long),
        _sums("turns", "debate_stats", _TURNS, key, where=where, long=long),
        f"{won} AS quantiles FROM debate_outcomes FINAL WHERE {_ENDED} AND {where}",
    )
    return " UNION ALL ".join(f"{part} GROUP BY {key}{grouped}" for part in parts)


PROVIDERS = {long: _figures("provider", "1", "", long) for long in LEVELS}
MODELS = {long: _figures("model", _OF, " WITH ROLLUP", long) for long in LEVELS}
"""The models of one provider, and under an empty name all of them together."""

ERRORS = {long: f"SELECT sumMap(errors) FROM ({_rollup('provider_stats', 'errors', _OF, long)})" for long in LEVELS}
"""Statements by whether the window is long."""

_SAMPLE = "provider, sum(requests), sum(failures), sum(latency_ms), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency)[2]"


def series(bucket: Bucket, of_one: bool, long: bool) -> str:
    """Return the statement of a series by `minute`, `hour` or `day`; `long` takes whole days together."""
    where, columns = _OF if of_one else "1", "time, provider, requests, failures, latency_ms, latency"
    if bucket == "minute":
        minutes = "time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
        source = f"SELECT {columns} FROM provider_stats_minutely WHERE {minutes} AND {where}"
    else:
        source = _rollup("provider_stats", columns, where, long)
    start = {"minute": "time", "hour": "toStartOfHour(time)", "day": "toStartOfDay(time, 'UTC')"}[bucket]
    return f"SELECT {start} AS at, {_SAMPLE} FROM ({source}) GROUP BY at, provider ORDER BY at, provider"


CONVERSATIONS = f"""
SELECT day, count(), sum(said), sum(counted), sum(seconds)
FROM
(
    SELECT
        day,
        sum(messages) AS said,
        sum(tokens) AS counted,
        dateDiff('millisecond', min(first), max(last)) / 1000 AS seconds
    FROM conversation_metrics WHERE {_DAYS} GROUP BY day, sipHash64(conversation_id)
)
GROUP BY day ORDER BY day
"""

WINNERS = f"""
SELECT provider, model, countIf(won) AS wins, count() AS debates, sum(countIf(leads)) OVER () AS ended,
    sum(countIf(leads AND decided)) OVER () AS decisions
FROM debate_outcomes FINAL WHERE {_ENDED} GROUP BY provider, model
ORDER BY wins DESC, debates, provider, model LIMIT {{limit:UInt32}}
"""

_DEBATE = "debate_id = {debate_id:String}"

DEBATE = f"""
SELECT
    any(topic),
    min(timestamp),
    minIf(timestamp, event_type = 'debate.completed') AS ended,
    countIf(event_type = 'debate.completed') AS ends,
    max(timestamp),
    coalesce(max(round), 0),
    argMaxIf(tuple(winner), (ingested_at, kafka_offset), event_type = 'debate.completed').1,
    argMaxIf(tuple(consensus_reached), (ingested_at, kafka_offset), event_type = 'debate.completed').1,
    count()
FROM debate_events WHERE {_DEBATE}
"""

SIDES = f"""
SELECT
    assumeNotNull(participant) AS who,
    argMax((position, assumeNotNull(provider), assumeNotNull(model)), (ingested_at, kafka_offset)) AS what,
    count(),
    count(response_time_ms),
    sum(coalesce(response_time_ms, 0)),
    arrayMap(x -> coalesce(x, 0), quantilesExact(0.5, 0.95, 0.99)(response_time_ms)),
    count(confidence),
    sum(coalesce(confidence, 0))
FROM debate_events WHERE {_DEBATE} AND event_type = 'debate.turn' GROUP BY who ORDER BY who
"""

VERDICTS = f"""
SELECT coalesce(toString(winner), '') AS who, count()
FROM debate_events WHERE {_DEBATE} AND event_type = 'debate.judged' GROUP BY who ORDER BY who
"""

ENTITY_DAYS = """
SELECT
    toDate(time, 'UTC') AS day, sum(extractions), sum(mentions), uniqCombinedMerge(12)(entities),
    toUInt64(round(sum(messages)))
FROM entity_stats_hourly WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
GROUP BY day ORDER BY day
"""

ENTITY_RISES = """
SELECT entity_id, max(name), any(type), sumIf(mentions, day >= toDate({since:DateTime('UTC')})) AS now,
    sumIf(mentions, day < toDate({since:DateTime('UTC')}))
FROM entity_stats_daily
WHERE day >= toDate({before:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')}) AND entity_id IN
(
    SELECT entity_id FROM entity_stats_daily
    WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
    GROUP BY entity_id ORDER BY sum(mentions) DESC, entity_id LIMIT {limit:UInt32}
)
GROUP BY entity_id ORDER BY now DESC, entity_id
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
