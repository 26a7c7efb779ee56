-- Sums by minute, hour and day, kept up by views, each from the finer one. A block that is inserted twice under its token reaches them once, as each
-- has a deduplication window of its own; a late row is added to the minute of its own time. The time comes first in
-- their keys: every question has a window, and there are few providers. Quantiles are DDSketches: 1 % off at most, and
-- a state of a busy hour is an eighth of a t-digest's. Small granules, as a row of states is large.
CREATE TABLE IF NOT EXISTS provider_stats_minutely
(
    time DateTime('UTC') CODEC(Delta, ZSTD),
    provider LowCardinality(String),
    model LowCardinality(String),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    failures SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    errors SimpleAggregateFunction(sumMap, Map(String, UInt64)) CODEC(ZSTD),
    latency_ms SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    latency AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64) CODEC(ZSTD),
    tokens_prompt SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    tokens_completion SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    cost SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    conversations AggregateFunction(uniqCombined(12), Nullable(String)) CODEC(ZSTD),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, provider, model)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS provider_stats_hourly AS provider_stats_minutely;

CREATE TABLE IF NOT EXISTS provider_stats_daily AS provider_stats_minutely;

CREATE MATERIALIZED VIEW IF NOT EXISTS provider_stats_by_minute TO provider_stats_minutely AS
SELECT
    toStartOfMinute(timestamp) AS time,
    provider,
    model,
    count() AS requests,
    countIf(NOT success) AS failures,
    sumMap(if(success, map(), map(coalesce(CAST(error_type, 'Nullable(String)'), 'unknown'), toUInt64(1)))) AS errors,
    sum(provider_metrics.latency_ms) AS latency_ms,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(provider_metrics.latency_ms) AS latency,
    sum(toUInt64(provider_metrics.tokens_prompt)) AS tokens_prompt,
    sum(toUInt64(provider_metrics.tokens_completion)) AS tokens_completion,
    sum(provider_metrics.cost) AS cost,
    uniqCombinedState(12)(conversation_id) AS conversations,
    toDateTime(max(provider_metrics.ingested_at)) AS ingested_at
FROM provider_metrics
GROUP BY time, provider, model;

CREATE MATERIALIZED VIEW IF NOT EXISTS provider_stats_by_hour TO provider_stats_hourly AS
SELECT
    toStartOfHour(provider_stats_minutely.time) AS time,
    provider,
    model,
    sum(provider_stats_minutely.requests) AS requests,
    sum(provider_stats_minutely.failures) AS failures,
    sumMap(provider_stats_minutely.errors) AS errors,
    sum(provider_stats_minutely.latency_ms) AS latency_ms,
    quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(provider_stats_minutely.latency) AS latency,
    sum(provider_stats_minutely.tokens_prompt) AS tokens_prompt,
    sum(provider_stats_minutely.tokens_completion) AS tokens_completion,
    sum(provider_stats_minutely.cost) AS cost,
    uniqCombinedMergeState(12)(provider_stats_minutely.conversations) AS conversations,
    max(provider_stats_minutely.ingested_at) AS ingested_at
FROM provider_stats_minutely
GROUP BY time, provider, model;

CREATE MATERIALIZED VIEW IF NOT EXISTS provider_stats_by_day TO provider_stats_daily AS
SELECT
    toStartOfDay(provider_stats_hourly.time, 'UTC') AS time,
    provider,
    model,
    sum(provider_stats_hourly.requests) AS requests,
    sum(provider_stats_hourly.failures) AS failures,
    sumMap(provider_stats_hourly.errors) AS errors,
    sum(provider_stats_hourly.latency_ms) AS latency_ms,
    quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(provider_stats_hourly.latency) AS latency,
    sum(provider_stats_hourly.tokens_prompt) AS tokens_prompt,
    sum(provider_stats_hourly.tokens_completion) AS tokens_completion,
    sum(provider_stats_hourly.cost) AS cost,
    uniqCombinedMergeState(12)(provider_stats_hourly.conversations) AS conversations,
    max(provider_stats_hourly.ingested_at) AS ingested_at
FROM provider_stats_hourly
GROUP BY time, provider, model;

-- `timed` and `rated` count the turns that say how long they took, and how sure they are.
CREATE TABLE IF NOT EXISTS debate_stats_minutely
(
    time DateTime('UTC') CODEC(Delta, ZSTD),
    provider LowCardinality(String),
    model LowCardinality(String),
    turns SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    debates AggregateFunction(uniqCombined(12), String) CODEC(ZSTD),
    timed SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    response_time_ms SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    response_time AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Nullable(Float64)) CODEC(ZSTD),
    rated SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    confidence SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, provider, model)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS debate_stats_hourly AS debate_stats_minutely;

CREATE TABLE IF NOT EXISTS debate_stats_daily AS debate_stats_minutely;

CREATE MATERIALIZED VIEW IF NOT EXISTS debate_stats_by_minute TO debate_stats_minutely AS
SELECT
    toStartOfMinute(timestamp) AS time,
    provider,
    model,
    count() AS turns,
    uniqCombinedState(12)(debate_id) AS debates,
    count(debate_metrics.response_time_ms) AS timed,
    sum(coalesce(debate_metrics.response_time_ms, 0)) AS response_time_ms,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(debate_metrics.response_time_ms) AS response_time,
    count(debate_metrics.confidence) AS rated,
    sum(coalesce(debate_metrics.confidence, 0)) AS confidence,
    toDateTime(max(debate_metrics.ingested_at)) AS ingested_at
FROM debate_metrics
GROUP BY time, provider, model;

CREATE MATERIALIZED VIEW IF NOT EXISTS debate_stats_by_hour TO debate_stats_hourly AS
SELECT
    toStartOfHour(debate_stats_minutely.time) AS time,
    provider,
    model,
    sum(debate_stats_minutely.turns) AS turns,
    uniqCombinedMergeState(12)(debate_stats_minutely.debates) AS debates,
    sum(debate_stats_minutely.timed) AS timed,
    sum(debate_stats_minutely.response_time_ms) AS response_time_ms,
    quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(debate_stats_minutely.response_time) AS response_time,
    sum(debate_stats_minutely.rated) AS rated,
    sum(debate_stats_minutely.confidence) AS confidence,
    max(debate_stats_minutely.ingested_at) AS ingested_at
FROM debate_stats_minutely
GROUP BY time, provider, model;

CREATE MATERIALIZED VIEW IF NOT EXISTS debate_stats_by_day TO debate_stats_daily AS
SELECT
    toStartOfDay(debate_stats_hourly.time, 'UTC') AS time,
    provider,
    model,
    sum(debate_stats_hourly.turns) AS turns,
    uniqCombinedMergeState(12)(debate_stats_hourly.debates) AS debates,
    sum(debate_stats_hourly.timed) AS timed,
    sum(debate_stats_hourly.response_time_ms) AS response_time_ms,
    quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(debate_stats_hourly.response_time) AS response_time,
    sum(debate_stats_hourly.rated) AS rated,
    sum(debate_stats_hourly.confidence) AS confidence,
    max(debate_stats_hourly.ingested_at) AS ingested_at
FROM debate_stats_hourly
GROUP BY time, provider, model;

-- `messages` adds up, over a message's entities, to one for each message that names any.
CREATE TABLE IF NOT EXISTS entity_stats_hourly
(
    time DateTime('UTC') CODEC(Delta, ZSTD),
    type LowCardinality(String),
    extractions SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    messages SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    entities AggregateFunction(uniqCombined(12), String) CODEC(ZSTD),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, type)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS entity_stats_by_hour TO entity_stats_hourly AS
SELECT
    toStartOfHour(timestamp) AS time,
    type,
    count() AS extractions,
    sum(toUInt64(entity_extraction_metrics.mentions)) AS mentions,
    sum(1 / entities_per_message) AS messages,
    uniqCombinedState(12)(entity_id) AS entities,
    toDateTime(max(entity_extraction_metrics.ingested_at)) AS ingested_at
FROM entity_extraction_metrics
GROUP BY time, type;

CREATE TABLE IF NOT EXISTS entity_stats_daily
(
    day Date,
    type LowCardinality(String),
    entity_id String CODEC(ZSTD),
    name SimpleAggregateFunction(max, String) CODEC(ZSTD),
    messages SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, type, entity_id)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS entity_stats_by_day TO entity_stats_daily AS
SELECT
    toDate(timestamp) AS day,
    type,
    entity_id,
    max(entity_extraction_metrics.name) AS name,
    count() AS messages,
    sum(toUInt64(entity_extraction_metrics.mentions)) AS mentions,
    toDateTime(max(entity_extraction_metrics.ingested_at)) AS ingested_at
FROM entity_extraction_metrics
GROUP BY day, type, entity_id;

CREATE TABLE IF NOT EXISTS usage_stats_minutely
(
    time DateTime('UTC') CODEC(Delta, ZSTD),
    route LowCardinality(String),
    method LowCardinality(String),
    status UInt16 CODEC(T64, LZ4),
    requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    duration_ms SimpleAggregateFunction(sum, Float64) CODEC(ZSTD),
    duration AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64) CODEC(ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, route, method, status)
TTL time + INTERVAL {ttl_days} DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_stats_by_minute TO usage_stats_minutely AS
SELECT
    toStartOfMinute(timestamp) AS time,
    route,
    method,
    status,
    count() AS requests,
    sum(usage_stats.duration_ms) AS duration_ms,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(usage_stats.duration_ms) AS duration
FROM usage_stats
GROUP BY time, route, method, status;
