"""The questions of analytics in ClickHouse's SQL. Values are bound: `since`, `hours`, `until`, and those of a question.

Hours that are whole come from the hourly rollup, the minutes before the first of them from the minutely one.
"""

# ruff: noqa: S608 - only names of columns and tables are put together, values are bound

_WITHIN = "time >= {since:DateTime('UTC')} AND time < {hours:DateTime('UTC')}"
_HOURS = "time >= {hours:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
_ENDED = "ended_at >= {since:DateTime('UTC')} AND ended_at < {until:DateTime('UTC')}"
_DAYS = "day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})"


def _rollup(name: str, columns: str, where: str = "1") -> str:
    parts = ((f"{name}_minutely", _WITHIN), (f"{name}_hourly", _HOURS))
    return " UNION ALL ".join(f"SELECT {columns} FROM {table} WHERE {when} AND {where}" for table, when in parts)


_CALLS = (
    "sum(requests), sum(failures), sum(latency_ms), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency),"
    " sum(tokens_prompt), sum(tokens_completion), sum(cost)"
)
_CALL_COLUMNS = "requests, failures, latency_ms, latency, tokens_prompt, tokens_completion, cost"
_TURNS = (
    "sum(turns), sum(timed), sum(response_time_ms), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(response_time),"
    " sum(rated), sum(confidence)"
)
_TURN_COLUMNS = "turns, timed, response_time_ms, response_time, rated, confidence"
_OF = "provider = {provider:String}"


def _by(key: str, where: str) -> tuple[str, str, str]:
    calls = _rollup("provider_stats", f"{key}, {_CALL_COLUMNS}", where)
    turns = _rollup("debate_stats", f"{key}, {_TURN_COLUMNS}", where)
    return (
        f"SELECT {key}, {_CALLS} FROM ({calls}) GROUP BY {key}",
        f"SELECT {key}, {_TURNS} FROM ({turns}) GROUP BY {key}",
        f"SELECT {key}, count(), countIf(won) FROM debate_outcomes FINAL WHERE {_ENDED} AND {where} GROUP BY {key}",
    )


PROVIDERS = _by("provider", "1")
MODELS = _by("model", _OF)
"""Three statements each: calls, turns, outcomes; the name first, then the fields of the sums in their order."""

ERRORS = f"SELECT sumMap(errors) FROM ({_rollup('provider_stats', 'errors', _OF)})"

_SAMPLE = "provider, sum(requests), sum(failures), sum(latency_ms), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency)[2]"


def series(bucket: str, of_one: bool) -> str:
    """Return the statement of a series by `minute`, `hour` or `day`."""
    where, columns = _OF if of_one else "1", "time, provider, requests, failures, latency_ms, latency"
    if bucket == "minute":
        minutes = "time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}"
        source = f"SELECT {columns} FROM provider_stats_minutely WHERE {minutes} AND {where}"
    else:
        source = _rollup("provider_stats", columns, where)
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
    FROM conversation_metrics WHERE {_DAYS} GROUP BY day, conversation_id
)
GROUP BY day ORDER BY day
"""

WINNERS = f"""
SELECT provider, model, countIf(won) AS wins, count() AS debates
FROM debate_outcomes FINAL WHERE {_ENDED} GROUP BY provider, model
ORDER BY wins DESC, debates, provider, model LIMIT {{limit:UInt32}}
"""

ENDED = f"SELECT uniqExact(debate_id), uniqExactIf(debate_id, decided) FROM debate_outcomes FINAL WHERE {_ENDED}"

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
    toDate(time, 'UTC') AS day, sum(extractions), sum(mentions), uniqCombinedMerge(14)(entities),
    toUInt64(round(sum(messages)))
FROM entity_stats_hourly WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
GROUP BY day ORDER BY day
"""

ENTITY_RISES = """
SELECT entity_id, max(name), any(type), sumIf(mentions, day >= toDate({since:DateTime('UTC')})) AS now,
    sumIf(mentions, day < toDate({since:DateTime('UTC')}))
FROM entity_stats_daily
WHERE day >= toDate({before:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
GROUP BY entity_id HAVING now > 0 ORDER BY now DESC, entity_id LIMIT {limit:UInt32}
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
