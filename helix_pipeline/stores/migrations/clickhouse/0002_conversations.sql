-- How far a query has filled a table: all records of a Kafka partition from first_offset to before next_offset. Written
-- after each batch, as rows of a batch become visible bit by bit. Empty it together with the table that it is about.
CREATE TABLE IF NOT EXISTS stream_progress
(
    table_name LowCardinality(String),
    topic_id String,
    kafka_partition Int32,
    query_id String,
    first_offset SimpleAggregateFunction(min, Int64),
    next_offset SimpleAggregateFunction(max, Int64)
)
ENGINE = AggregatingMergeTree
ORDER BY (table_name, topic_id, kafka_partition, query_id);

-- When the first message of a conversation came: it outlives the message, and so tells that messages have expired.
CREATE TABLE IF NOT EXISTS conversation_starts
(
    conversation_id String,
    first_ingested SimpleAggregateFunction(min, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY conversation_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS conversation_starts_feed TO conversation_starts AS
SELECT conversation_id, min(ingested_at) AS first_ingested FROM conversation_messages GROUP BY conversation_id;

INSERT INTO conversation_starts
SELECT conversation_id, min(ingested_at) FROM conversation_messages GROUP BY conversation_id;

-- The conversations in which a user spoke.
CREATE TABLE IF NOT EXISTS user_conversations
(
    user_id String,
    conversation_id String,
    last_said SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (user_id, conversation_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS user_conversations_feed TO user_conversations AS
SELECT assumeNotNull(user_id) AS user_id, conversation_id, max(timestamp) AS last_said FROM conversation_messages
WHERE conversation_messages.user_id IS NOT NULL GROUP BY user_id, conversation_id;

INSERT INTO user_conversations
SELECT assumeNotNull(m.user_id) AS speaker, conversation_id, max(timestamp) FROM conversation_messages AS m
WHERE m.user_id IS NOT NULL GROUP BY speaker, conversation_id;
