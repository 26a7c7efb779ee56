"""A few rows in every table of the warehouse that the dashboards read, all of the last hours."""

from datetime import datetime

from clickhouse_connect.driver.client import Client

CALLS = 60
_HEAD = "1 AS schema_version, toString(number) AS event_id, '{}' AS metadata"
_TAIL = "0 AS kafka_partition, number AS kafka_offset, now64(6) AS ingested_at"
_PROVIDER = "['acme', 'globex'][number % 2 + 1] AS provider, 'large' AS model"

ROWS = (
    f"""INSERT INTO provider_metrics (schema_version, event_id, metadata, timestamp, event_type, request_id,
        conversation_id, provider, model, latency_ms, tokens_prompt, tokens_completion, success, error_type, cost,
        kafka_partition, kafka_offset, ingested_at)
    SELECT {_HEAD}, {{at}} - number * 60, 'provider.called', toString(number), 'c', {_PROVIDER}, 100 + number, 10, 5,
        number % 10 > 1, if(number % 10 > 1, NULL, 'timeout'), 0.5, {_TAIL} FROM numbers({CALLS})""",
    f"""INSERT INTO conversation_messages (schema_version, event_id, metadata, timestamp, event_type, conversation_id,
        message_id, sequence, role, content, tokens, kafka_partition, kafka_offset, ingested_at)
    SELECT {_HEAD}, {{at}} - number * 60, 'message.added', toString(number % 3), toString(number), number,
        if(number % 2, 'user', 'assistant'), 'hello', 7, {_TAIL} FROM numbers(30)""",
    f"""INSERT INTO debate_events (schema_version, event_id, metadata, timestamp, event_type, debate_id, participants,
        round, turn, participant, provider, model, content, response_time_ms, confidence,
        kafka_partition, kafka_offset, ingested_at)
    SELECT {_HEAD}, {{at}} - number * 60, 'debate.turn', 'd', ['A'], 1, number, 'A', {_PROVIDER}, 'yes', 250, 0.5,
        {_TAIL} FROM numbers(20)""",
    f"""INSERT INTO debate_outcomes (ended_at, debate_id, participant, provider, model, won, decided,
        consensus_reached, rounds, turns, events, ingested_at)
    SELECT {{at}}, toString(number), 'A', {_PROVIDER}, number % 3 = 0, true, false, 2, 4, 6, now64(6)
    FROM numbers(8)""",
    """INSERT INTO entity_extraction_metrics (timestamp, conversation_id, message_id, entity_id, name, type, subtype,
        mentions, entities_per_message, ingested_at)
    SELECT {at} - number * 60, 'c', toString(number), toString(number % 4), 'E', ['TECH', 'PERSON'][number % 2 + 1],
        '', 2, 1, now64(6) FROM numbers(30)""",
    """INSERT INTO usage_stats (timestamp, request_id, method, route, status, duration_ms)
    SELECT {at} - number, toString(number), 'GET', '/livez', if(number % 5, 200, 503), number FROM numbers(20)""",
    """INSERT INTO compression_stats (timestamp, conversation_id, strategy, cached, original_messages,
        original_tokens, compressed_tokens, quality_score, duration_ms)
    SELECT {at} - number * 60, 'c', 'hybrid', number % 2, 10, 1000, 300, 0.9, 40 FROM numbers(10)""",
)


def fill(house: Client, now: datetime) -> None:
    """Insert the rows; the newest are of `now`."""
    for statement in ROWS:
        house.command(statement.replace("{at}", f"toDateTime64({now.timestamp():.0f}, 3, 'UTC')"))
