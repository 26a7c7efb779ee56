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

-- Finds the conversations in which a user spoke. An index and no view: it costs an insert no part of its own.
ALTER TABLE conversation_messages ADD INDEX IF NOT EXISTS of_user user_id TYPE bloom_filter GRANULARITY 4;

ALTER TABLE conversation_messages MATERIALIZE INDEX of_user;
