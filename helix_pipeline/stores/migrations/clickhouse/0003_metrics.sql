-- Tables of figures, by the questions that are asked of them. What is asked by provider begins its key with the
-- provider: a month of one provider is then one range of each model. Each statement may run again.

-- A row for each turn of a debate: who answered, how fast, how sure.
CREATE TABLE IF NOT EXISTS debate_metrics
(
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    debate_id String CODEC(ZSTD),
    round Int32 CODEC(T64, LZ4),
    turn Int32 CODEC(T64, LZ4),
    participant LowCardinality(String),
    position LowCardinality(Nullable(String)),
    provider LowCardinality(String),
    model LowCardinality(String),
    response_time_ms Nullable(Float64) CODEC(ZSTD),
    confidence Nullable(Float64) CODEC(ZSTD),
    characters Nullable(Int32) CODEC(T64, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (provider, model, timestamp, debate_id)
TTL toDateTime(ingested_at) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS debate_metrics_of_turns TO debate_metrics AS
SELECT
    timestamp,
    debate_id,
    assumeNotNull(round) AS round,
    assumeNotNull(turn) AS turn,
    assumeNotNull(participant) AS participant,
    position,
    assumeNotNull(provider) AS provider,
    assumeNotNull(model) AS model,
    response_time_ms,
    confidence,
    coalesce(characters, toInt32(lengthUTF8(content))) AS characters,
    ingested_at
FROM debate_events
WHERE event_type = 'debate.turn';

-- A row for each participant of a debate that ended. It is computed anew from the debate's events whenever more of
-- them arrive; the row that knows the most events stands. One row of a
-- debate `leads`, so that counting those counts debates. `ended_at` is when the debate was first said to be over.
CREATE TABLE IF NOT EXISTS debate_outcomes
(
    ended_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    debate_id String CODEC(ZSTD),
    participant LowCardinality(String),
    position LowCardinality(Nullable(String)),
    provider LowCardinality(String),
    model LowCardinality(String),
    won Bool,
    leads Bool,
    decided Bool,
    consensus_reached Bool,
    rounds Int32 CODEC(T64, LZ4),
    turns UInt32 CODEC(T64, LZ4),
    events UInt64 CODEC(T64, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(events)
PARTITION BY toYYYYMM(ended_at)
ORDER BY (toStartOfHour(ended_at), debate_id, participant)
TTL toDateTime(ingested_at) + INTERVAL {ttl_days} DAY;

-- A row for each conversation and day on which something was said in it.
CREATE TABLE IF NOT EXISTS conversation_metrics
(
    day Date,
    conversation_id String CODEC(ZSTD),
    messages SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    user_messages SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    tokens SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    first SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD),
    last SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, conversation_id)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS conversation_metrics_of_messages TO conversation_metrics AS
SELECT
    toDate(timestamp) AS day,
    conversation_id,
    count() AS messages,
    countIf(role = 'user') AS user_messages,
    sum(toUInt64(coalesce(tokens, 0))) AS tokens,
    min(toDateTime64(timestamp, 3, 'UTC')) AS first,
    max(toDateTime64(timestamp, 3, 'UTC')) AS last,
    toDateTime(max(conversation_messages.ingested_at)) AS ingested_at
FROM conversation_messages
GROUP BY day, conversation_id;

-- A row for each message and entity that it names.
CREATE TABLE IF NOT EXISTS entity_extraction_metrics
(
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    conversation_id String CODEC(ZSTD),
    message_id String CODEC(ZSTD),
    entity_id String CODEC(ZSTD),
    name String CODEC(ZSTD),
    type LowCardinality(String),
    subtype LowCardinality(String),
    mentions UInt32 CODEC(T64, LZ4),
    entities_per_message UInt32 CODEC(T64, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (type, toStartOfHour(timestamp), entity_id, timestamp)
TTL toDateTime(ingested_at) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- A row for each request that the API answered.
CREATE TABLE IF NOT EXISTS usage_stats
(
    timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    request_id String CODEC(ZSTD),
    method LowCardinality(String),
    route LowCardinality(String),
    status UInt16 CODEC(T64, LZ4),
    duration_ms Float64 CODEC(ZSTD)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (route, timestamp)
TTL toDateTime(timestamp) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- A row for each conversation that was compressed for a caller.
CREATE TABLE IF NOT EXISTS compression_stats
(
    timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    conversation_id String CODEC(ZSTD),
    strategy LowCardinality(String),
    cached Bool,
    original_messages UInt32 CODEC(T64, LZ4),
    original_tokens UInt64 CODEC(T64, LZ4),
    compressed_tokens UInt64 CODEC(T64, LZ4),
    quality_score Nullable(Float64) CODEC(ZSTD),
    duration_ms Float64 CODEC(ZSTD)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (strategy, timestamp)
TTL toDateTime(timestamp) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;
