-- Entities by a number that stands for their id: most of a question's time went into grouping by text. What an entity
-- is called, and what it had on each day, is then looked up for those few that are asked for, in small blocks, as
-- each of them lies elsewhere. The number is a hash of 64 bits: among a million ids the chance that any two share one is 3 in 100 million.
ALTER TABLE entity_stats_daily
    ADD COLUMN IF NOT EXISTS entity SimpleAggregateFunction(max, UInt64) DEFAULT sipHash64(entity_id) CODEC(NONE);

ALTER TABLE entity_stats_daily MATERIALIZE COLUMN entity SETTINGS mutations_sync = 1;

CREATE TABLE IF NOT EXISTS entity_history
(
    entity UInt64 CODEC(NONE),
    day Date CODEC(Delta, ZSTD),
    entity_id SimpleAggregateFunction(any, String) CODEC(ZSTD),
    name SimpleAggregateFunction(max, String) CODEC(ZSTD),
    type SimpleAggregateFunction(any, LowCardinality(String)),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
    ingested_at SimpleAggregateFunction(max, DateTime('UTC')) CODEC(Delta, ZSTD)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (entity, day)
TTL ingested_at + INTERVAL {ttl_days} DAY
SETTINGS index_granularity = 256, min_compress_block_size = 8192, max_compress_block_size = 16384,
    non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS entity_history_of_days TO entity_history AS
SELECT
    sipHash64(entity_stats_daily.entity_id) AS entity,
    day,
    any(entity_stats_daily.entity_id) AS entity_id,
    max(entity_stats_daily.name) AS name,
    any(entity_stats_daily.type) AS type,
    sum(entity_stats_daily.mentions) AS mentions,
    max(entity_stats_daily.ingested_at) AS ingested_at
FROM entity_stats_daily
GROUP BY entity, day;
