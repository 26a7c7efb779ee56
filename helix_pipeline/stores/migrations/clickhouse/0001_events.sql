-- The hot copy of the conversations: one conversation is one range of the primary key.
CREATE TABLE IF NOT EXISTS conversation_messages
(
    schema_version Int32,
    event_id String CODEC(LZ4),
    timestamp DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    metadata String CODEC(LZ4),
    event_type LowCardinality(String),
    conversation_id String CODEC(LZ4),
    message_id String CODEC(LZ4),
    sequence Int64 CODEC(Delta, LZ4),
    role LowCardinality(String),
    name Nullable(String),
    user_id Nullable(String),
    session Nullable(String),
    content String CODEC(LZ4),
    tokens Nullable(Int32),
    kafka_partition Int32,
    kafka_offset Int64 CODEC(Delta, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (conversation_id, sequence, message_id)
TTL toDateTime(ingested_at) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS debate_events
(
    schema_version Int32,
    event_id String,
    timestamp DateTime64(6, 'UTC'),
    metadata String,
    event_type LowCardinality(String),
    debate_id String,
    conversation_id Nullable(String),
    topic Nullable(String),
    participants Array(String),
    round Nullable(Int32),
    turn Nullable(Int32),
    participant LowCardinality(Nullable(String)),
    position LowCardinality(Nullable(String)),
    provider LowCardinality(Nullable(String)),
    model LowCardinality(Nullable(String)),
    content Nullable(String),
    characters Nullable(Int32),
    response_time_ms Nullable(Float64),
    confidence Nullable(Float64),
    judge LowCardinality(Nullable(String)),
    winner LowCardinality(Nullable(String)),
    margin Nullable(Float64),
    preference Nullable(Float64),
    consensus_reached Nullable(Bool),
    kafka_partition Int32,
    kafka_offset Int64,
    ingested_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (debate_id, timestamp, event_id)
TTL toDateTime(ingested_at) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS provider_metrics
(
    schema_version Int32,
    event_id String,
    timestamp DateTime64(6, 'UTC'),
    metadata String,
    event_type LowCardinality(String),
    request_id String,
    conversation_id Nullable(String),
    debate_id Nullable(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    latency_ms Float64,
    tokens_prompt Int32,
    tokens_completion Int32,
    success Bool,
    error_type LowCardinality(Nullable(String)),
    cost Float64,
    kafka_partition Int32,
    kafka_offset Int64,
    ingested_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (provider, model, timestamp, event_id)
TTL toDateTime(ingested_at) + INTERVAL {ttl_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;
