-- Ids and text by ZSTD, what grows in steps by its differences, small numbers by the bits that they need: calls take a
-- twelfth fewer bytes, debates a fifth (docs/RESULTS.md). Parts that are there change when they are merged.
ALTER TABLE debate_events
    MODIFY COLUMN event_id CODEC(ZSTD),
    MODIFY COLUMN timestamp CODEC(Delta, ZSTD),
    MODIFY COLUMN metadata CODEC(ZSTD),
    MODIFY COLUMN debate_id CODEC(ZSTD),
    MODIFY COLUMN conversation_id CODEC(ZSTD),
    MODIFY COLUMN topic CODEC(ZSTD),
    MODIFY COLUMN content CODEC(ZSTD),
    MODIFY COLUMN round CODEC(T64, LZ4),
    MODIFY COLUMN turn CODEC(T64, LZ4),
    MODIFY COLUMN characters CODEC(T64, LZ4),
    MODIFY COLUMN kafka_offset CODEC(Delta, ZSTD),
    MODIFY COLUMN ingested_at CODEC(Delta, ZSTD);

ALTER TABLE provider_metrics
    MODIFY COLUMN event_id CODEC(ZSTD),
    MODIFY COLUMN timestamp CODEC(Delta, ZSTD),
    MODIFY COLUMN metadata CODEC(ZSTD),
    MODIFY COLUMN request_id CODEC(ZSTD),
    MODIFY COLUMN conversation_id CODEC(ZSTD),
    MODIFY COLUMN debate_id CODEC(ZSTD),
    MODIFY COLUMN tokens_prompt CODEC(T64, LZ4),
    MODIFY COLUMN tokens_completion CODEC(T64, LZ4),
    MODIFY COLUMN kafka_offset CODEC(Delta, ZSTD),
    MODIFY COLUMN ingested_at CODEC(Delta, ZSTD);
