-- Outcomes by hour, as a question about a month of debates would otherwise read a row of each participant. They are
-- counted anew from `debate_outcomes` whenever an outcome of the hour is written: the count that knows the most events
-- stands. A provider that an hour no longer has keeps a row of zeros.
CREATE TABLE IF NOT EXISTS debate_outcomes_hourly
(
    time DateTime('UTC') CODEC(Delta, ZSTD),
    provider LowCardinality(String),
    model LowCardinality(String),
    debates UInt64 CODEC(T64, LZ4),
    wins UInt64 CODEC(T64, LZ4),
    ended UInt64 CODEC(T64, LZ4),
    decisions UInt64 CODEC(T64, LZ4),
    events UInt64 CODEC(T64, LZ4),
    ingested_at DateTime('UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(events)
PARTITION BY toYYYYMM(time)
ORDER BY (time, provider, model)
TTL ingested_at + INTERVAL {ttl_days} DAY;

INSERT INTO debate_outcomes_hourly
SELECT
    toStartOfHour(ended_at) AS time,
    provider,
    model,
    count(),
    countIf(won),
    countIf(leads),
    countIf(leads AND decided),
    sum(sum(debate_outcomes.events)) OVER (PARTITION BY time),
    max(max(debate_outcomes.ingested_at)) OVER (PARTITION BY time)
FROM debate_outcomes FINAL
GROUP BY time, provider, model;

-- Different entities of a day are counted from 24 times fewer states than those of its hours.
CREATE TABLE IF NOT EXISTS entity_types_daily
(
    day Date,
    type LowCardinality(String),
    extractions SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    messages SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    entities AggregateFunction(uniqCombined(12), String) CODEC(ZSTD),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, type)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS entity_types_by_day TO entity_types_daily AS
SELECT
    toDate(entity_stats_hourly.time, 'UTC') AS day,
    type,
    sum(entity_stats_hourly.extractions) AS extractions,
    sum(entity_stats_hourly.mentions) AS mentions,
    sum(entity_stats_hourly.messages) AS messages,
    uniqCombinedMergeState(12)(entity_stats_hourly.entities) AS entities,
    max(entity_stats_hourly.ingested_at) AS ingested_at
FROM entity_stats_hourly
GROUP BY day, type;
