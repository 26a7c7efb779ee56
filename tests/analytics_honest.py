"""What an analyst asks of the warehouse: each must pass the check and run on the server."""

REQUIRED = (
    """
    SELECT
        toStartOfHour(timestamp) AS hour,
        provider,
        COUNT(*) AS requests,
        AVG(response_time_ms) AS avg_response_time,
        quantile(0.95)(response_time_ms) AS p95_response_time
    FROM debate_metrics
    WHERE timestamp >= now() - INTERVAL 24 HOUR
    GROUP BY hour, provider
    ORDER BY hour DESC, avg_response_time ASC;
    """,
    """
    SELECT
        toDate(timestamp) AS date,
        COUNT(*) AS total_extractions,
        COUNT(DISTINCT entity_id) AS unique_entities,
        AVG(entities_per_message) AS avg_entities_per_msg
    FROM entity_extraction_metrics
    WHERE timestamp >= now() - INTERVAL 7 DAY
    GROUP BY date
    ORDER BY date DESC;
    """,
    "SELECT * FROM provider_metrics WHERE latency_ms > 1000",
)
"""Those of the requirements, as they stand there; the third calls `latency` what the schema beside it has in ms."""

PLAIN = (
    "SELECT count() FROM provider_metrics",
    "select Count(*) from helixagent.provider_metrics",
    "SELECT * FROM provider_metrics LIMIT 10",
    "SELECT * EXCEPT (metadata, kafka_partition, kafka_offset) FROM provider_metrics ORDER BY timestamp DESC LIMIT 5",
    "SELECT p.* FROM provider_metrics AS p LIMIT 3",
    "SELECT provider, model, avg(latency_ms) AS mean FROM provider_metrics GROUP BY provider, model ORDER BY mean",
    "SELECT provider, quantiles(0.5, 0.9, 0.99)(latency_ms) AS q FROM provider_metrics GROUP BY provider",
    "SELECT provider, quantiles(0.5, 0.9)(latency_ms)[1] AS median FROM provider_metrics GROUP BY provider",
    "SELECT provider, quantileTDigestIf(0.99)(latency_ms, success) AS p99 FROM provider_metrics GROUP BY provider",
    "SELECT provider, countIf(NOT success) / count() AS error_rate FROM provider_metrics GROUP BY provider"
    " HAVING count() > 1 ORDER BY error_rate DESC",
    "SELECT error_type, count() AS n FROM provider_metrics WHERE success = false AND error_type IS NOT NULL"
    " GROUP BY error_type ORDER BY n DESC",
    "SELECT toStartOfInterval(timestamp, INTERVAL 15 MINUTE) AS t, sum(cost) FROM provider_metrics GROUP BY t"
    " ORDER BY t",
    "SELECT toStartOfMinute(timestamp) AS m, uniq(conversation_id) FROM provider_metrics GROUP BY m ORDER BY m",
    "SELECT toMonday(timestamp) AS week, sum(tokens_prompt + tokens_completion) AS tokens FROM provider_metrics"
    " GROUP BY week",
    "SELECT toDayOfWeek(timestamp) AS d, toHour(timestamp) AS h, count() FROM provider_metrics GROUP BY d, h"
    " ORDER BY d, h",
    "SELECT formatDateTime(timestamp, '%Y-%m-%d') AS day, round(avg(latency_ms), 2) FROM provider_metrics GROUP BY day",
    "SELECT dateDiff('day', min(timestamp), max(timestamp)) AS days FROM provider_metrics",
    "SELECT count() FROM provider_metrics WHERE timestamp > dateSub(DAY, 7, now())",
    "SELECT count() FROM provider_metrics WHERE timestamp BETWEEN toDateTime('2026-01-01 00:00:00', 'UTC') AND now()",
    "SELECT count() FROM provider_metrics WHERE toDate(timestamp) = today() OR toDate(timestamp) = yesterday()",
    "SELECT EXTRACT(HOUR FROM timestamp) AS h, count() FROM provider_metrics GROUP BY h",
    "SELECT argMax(model, latency_ms) AS slowest, max(latency_ms) FROM provider_metrics",
    "SELECT provider, topK(3)(model), groupUniqArray(model) FROM provider_metrics GROUP BY provider",
    "SELECT formatReadableSize(sum(length(metadata))) FROM provider_metrics",
    "SELECT provider, sum(cost) AS spent, spent / sum(sum(cost)) OVER () AS share FROM provider_metrics GROUP"
    " BY provider",
    "SELECT timestamp, latency_ms, avg(latency_ms) OVER (PARTITION BY provider ORDER BY timestamp ROWS BETWEEN"
    " 5 PRECEDING"
    " AND CURRENT ROW) AS smooth FROM provider_metrics ORDER BY timestamp LIMIT 50",
    "SELECT provider, timestamp, row_number() OVER w AS n, lagInFrame(latency_ms, 1) OVER w AS before"
    " FROM provider_metrics WINDOW w AS (PARTITION BY provider ORDER BY timestamp) ORDER BY provider, n LIMIT 20",
    "SELECT provider, rank() OVER (ORDER BY avg(latency_ms)) AS place FROM provider_metrics GROUP BY provider",
    "SELECT provider, latency_ms FROM provider_metrics ORDER BY latency_ms DESC LIMIT 2 BY provider",
    "SELECT provider, count() FROM provider_metrics GROUP BY provider WITH ROLLUP",
    "SELECT provider, model, count() FROM provider_metrics GROUP BY GROUPING SETS ((provider), (provider, model))",
    "SELECT DISTINCT provider, model FROM provider_metrics",
    "SELECT DISTINCT ON (provider) provider, model FROM provider_metrics ORDER BY provider, timestamp DESC",
    "SELECT CASE WHEN latency_ms < 500 THEN 'fast' WHEN latency_ms < 2000 THEN 'fair' ELSE 'slow' END AS speed, count()"
    " FROM provider_metrics GROUP BY speed",
    "SELECT multiIf(cost = 0, 'free', cost < 0.01, 'cheap', 'dear') AS price, count() FROM provider_metrics"
    " GROUP BY price",
    "SELECT latency_ms > 1000 ? 'slow' : 'fast' AS speed, count() FROM provider_metrics GROUP BY speed",
    "SELECT count() FROM provider_metrics WHERE provider IN ('anthropic', 'openai') AND model NOT IN ('x')",
    "SELECT count() FROM provider_metrics WHERE (provider, model) IN (('a', 'b'), ('c', 'd'))",
    "SELECT count() FROM provider_metrics WHERE model LIKE 'claude%' AND model NOT ILIKE '%HAIKU%'",
    "SELECT sum(cost)::Decimal(18, 4) AS spent, CAST(avg(latency_ms) AS Float32) FROM provider_metrics",
    "SELECT toDecimal64(1.5, 2) AS d, 0 / 0 AS nan, 1 / 0 AS inf, NULL AS nothing, true AS yes, [1, 2] AS a,"
    " (1, 'x') AS t",
    "SELECT count(), 'it''s \\'quoted\\' \\\\ -- and no comment /* */ ; DROP' AS text FROM provider_metrics",
    'SELECT provider AS `the provider`, count() AS "calls, all" FROM provider_metrics GROUP BY provider',
    "SELECT bar(count(), 0, 100, 20) FROM provider_metrics",
    "SELECT sparkbar(9)(toUInt32(toHour(timestamp)), latency_ms) FROM provider_metrics",
    "SELECT corr(tokens_prompt, latency_ms), simpleLinearRegression(tokens_prompt, latency_ms) FROM provider_metrics",
    "SELECT toStartOfHour(timestamp) AS h, count() FROM provider_metrics GROUP BY h"
    " ORDER BY h WITH FILL FROM toDateTime('2026-06-01 00:00:00', 'UTC') TO toDateTime('2026-06-01 06:00:00', 'UTC')"
    " STEP INTERVAL 1 HOUR",
    "SELECT quantileExactExclusive(0.5)(latency_ms), any(provider) IGNORE NULLS FROM provider_metrics "
    " PREWHERE success",
    "SELECT role, count(), avg(tokens), sum(length(content)) FROM conversation_messages GROUP BY role",
    "SELECT conversation_id, max(sequence) - min(sequence) + 1 AS turns FROM conversation_messages GROUP BY"
    " conversation_id"
    " ORDER BY turns DESC LIMIT 20",
    "SELECT count() FROM conversation_messages WHERE positionCaseInsensitive(content, 'docker') > 0",
    "SELECT arrayJoin(splitByWhitespace(lower(content))) AS word, count() AS n FROM conversation_messages"
    " GROUP BY word ORDER BY n DESC LIMIT 25",
    "SELECT conversation_id, arrayStringConcat(groupArray(role), ' ') FROM conversation_messages GROUP BY"
    " conversation_id",
    "SELECT JSONExtractString(metadata, 'source') AS source, count() FROM conversation_messages GROUP BY source",
    "SELECT winner, count() AS won FROM debate_events WHERE event_type = 'debate.completed' GROUP BY winner"
    " ORDER BY won",
    "SELECT who, count() FROM debate_events ARRAY JOIN participants AS who GROUP BY who",
    "SELECT debate_id, who, place FROM debate_events LEFT ARRAY JOIN participants AS who, arrayEnumerate(participants)"
    " AS place LIMIT 10",
    "SELECT arrayMap(name -> upper(name), participants), has(participants, 'a') FROM debate_events LIMIT 10",
    "SELECT arrayFilter((name, i) -> i % 2 = 0, participants, arrayEnumerate(participants)) FROM debate_events"
    " LIMIT 10",
    "SELECT coalesce(provider, 'none') AS p, avg(response_time_ms), stddevPop(confidence) FROM debate_events"
    " GROUP BY p",
    "SELECT provider, avg(margin) FILTER (WHERE consensus_reached) FROM debate_events GROUP BY provider",
    "WITH slow AS (SELECT provider, avg(latency_ms) AS mean FROM provider_metrics GROUP BY provider)"
    " SELECT provider, mean FROM slow WHERE mean > (SELECT avg(mean) FROM slow)",
    "WITH 500 AS most, (SELECT max(latency_ms) FROM provider_metrics) AS top"
    " SELECT countIf(latency_ms > most), top FROM provider_metrics",
    "SELECT m.conversation_id, sum(p.cost) FROM conversation_messages AS m"
    " INNER JOIN provider_metrics AS p ON m.conversation_id = p.conversation_id GROUP BY m.conversation_id",
    "SELECT conversation_id, said, spent FROM (SELECT conversation_id, count() AS said FROM conversation_messages"
    " GROUP BY conversation_id) AS a LEFT JOIN (SELECT assumeNotNull(conversation_id) AS conversation_id,"
    " sum(cost) AS spent"
    " FROM provider_metrics GROUP BY conversation_id) AS b USING (conversation_id)",
    "SELECT count() FROM conversation_messages WHERE conversation_id IN"
    " (SELECT conversation_id FROM debate_events WHERE consensus_reached)",
    "SELECT p.provider FROM provider_metrics AS p LEFT ANTI JOIN debate_events AS d ON p.debate_id = d.debate_id",
    "SELECT 'calls' AS what, count() AS n FROM provider_metrics UNION ALL SELECT 'messages', count()"
    " FROM conversation_messages UNION ALL SELECT 'debates', uniq(debate_id) FROM debate_events",
    "(SELECT provider FROM provider_metrics) INTERSECT (SELECT provider FROM debate_events)",
    "SELECT uniqMerge(state) FROM (SELECT provider, uniqState(model) AS state FROM provider_metrics GROUP BY provider)",
    "SELECT windowFunnel(3600)(toDateTime(timestamp), role = 'user', role = 'assistant') FROM conversation_messages",
    "SELECT time, provider, sum(requests) AS calls, sum(latency_ms) / calls AS mean_ms,"
    " quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(latency)[2] AS p95_ms FROM provider_stats_hourly"
    " WHERE time >= now() - INTERVAL 7 DAY GROUP BY time, provider ORDER BY time, provider",
    "SELECT provider, uniqCombinedMerge(12)(conversations), sumMap(errors) FROM provider_stats_minutely"
    " GROUP BY provider",
    "SELECT day, name, sum(mentions) AS n FROM entity_stats_daily GROUP BY day, name ORDER BY n DESC LIMIT 20",
    "SELECT * FROM usage_stats_minutely ORDER BY time DESC LIMIT 10",
    "-- a note\nSELECT /* another */ count() FROM provider_metrics -- the end",
)

BOUND: tuple[tuple[str, dict[str, object]], ...] = (
    (
        "SELECT count() FROM provider_metrics WHERE provider = {name:String}",
        {"name": "it's \\ \"a\" 'b' \t%s {x:String} ü"},
    ),
    ("SELECT count() FROM provider_metrics WHERE provider IN {names:Array(String)}", {"names": ["a'b", "c\\d", ""]}),
    ("SELECT {n:UInt32} + 1, {f:Float64}, {yes:Bool}", {"n": 41, "f": 0.5, "yes": True}),
    ("SELECT count() FROM provider_metrics WHERE timestamp >= {since:DateTime}", {"since": "2026-06-01 00:00:00"}),
    ("SELECT {none:Nullable(String)} IS NULL, {day:Date}", {"none": None, "day": "2026-06-01"}),
    ("SELECT {many:Array(Int64)}, {d:Decimal(10, 2)}", {"many": [1, -2], "d": "1.25"}),
)
"""With the values of their parameters."""
