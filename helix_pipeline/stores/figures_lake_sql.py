"""The questions of analytics in DuckDB's SQL, over the events `calls`, `debates` and `messages` of the lake.

They give the same sums as those of `figures_sql`; quantiles are approximations of their own.
"""

# ruff: noqa: S608 - only names of columns and tables are put together, values are bound

import re
from functools import cache

_WITHIN = "timestamp >= $since AND timestamp < $until"
_QUANTILES = "[0.5, 0.95, 0.99]"
_OF = "($provider IS NULL OR provider = $provider)"

CALLS = f"""
SELECT {{key}}, count(*), count(*) FILTER (NOT success), sum(latency_ms), approx_quantile(latency_ms, {_QUANTILES}),
    sum(tokens_prompt)::BIGINT, sum(tokens_completion)::BIGINT, sum(cost)
FROM calls WHERE {_WITHIN} AND {_OF} GROUP BY {{key}}
"""

TURNS = f"""
SELECT {{key}}, count(*), count(response_time_ms), coalesce(sum(response_time_ms), 0),
    coalesce(approx_quantile(response_time_ms, {_QUANTILES}), [0, 0, 0]), count(confidence),
    coalesce(sum(confidence), 0)
FROM debates WHERE event_type = 'debate.turn' AND {_WITHIN} AND {_OF} GROUP BY {{key}}
"""

_SIDES = """
    WITH events AS MATERIALIZED
        (SELECT debate_id, event_type, timestamp, participant, provider, model, winner, kafka_offset FROM debates
         WHERE event_type IN ('debate.turn', 'debate.completed')),
    ends AS (SELECT debate_id, arg_min(timestamp, kafka_offset) AS ended_at,
        last(winner ORDER BY kafka_offset) AS won_by
        FROM events WHERE event_type = 'debate.completed' GROUP BY debate_id),
    sides AS (SELECT debate_id, participant, arg_max(provider, kafka_offset) AS provider,
        arg_max(model, kafka_offset) AS model FROM events WHERE event_type = 'debate.turn'
        GROUP BY debate_id, participant),
    outcomes AS (SELECT debate_id, ended_at, provider, model, coalesce(participant = won_by, false) AS won, won_by
        FROM sides JOIN ends USING (debate_id) WHERE ended_at >= $since AND ended_at < $until)
"""

OUTCOMES = _SIDES + f"SELECT {{key}}, count(*), count(*) FILTER (won) FROM outcomes WHERE {_OF} GROUP BY {{key}}"

_MOST_WINS = """
SELECT provider, model, count(*) FILTER (won) AS wins, count(*) AS debates FROM outcomes GROUP BY ALL
ORDER BY wins DESC, debates, provider, model LIMIT $limit
"""

WINNERS = _SIDES + _MOST_WINS

WINS = f"""{_SIDES}, winners AS ({_MOST_WINS})
SELECT date_trunc($bucket, ended_at) AS began, provider, model, count(*) FILTER (won), count(*)
FROM outcomes SEMI JOIN (SELECT * FROM winners WHERE wins > 0) USING (provider, model)
GROUP BY began, provider, model ORDER BY began, provider, model
"""

ENDED = _SIDES + "SELECT count(DISTINCT debate_id), count(DISTINCT debate_id) FILTER (won_by IS NOT NULL) FROM outcomes"

ERRORS = f"""
SELECT coalesce(error_type, 'unknown') AS kind, count(*) FROM calls
WHERE NOT success AND {_WITHIN} AND {_OF} GROUP BY kind ORDER BY kind
"""

SERIES = f"""
SELECT date_trunc($bucket, timestamp) AS began, provider, count(*), count(*) FILTER (NOT success), sum(latency_ms),
    approx_quantile(latency_ms, 0.95)
FROM calls WHERE {_WITHIN} AND {_OF} GROUP BY began, provider ORDER BY began, provider
"""

CONVERSATIONS = f"""
WITH spoken AS (
    SELECT timestamp::DATE AS day, conversation_id, count(*) AS said, sum(coalesce(tokens, 0)) AS counted,
        date_diff('millisecond', date_trunc('milliseconds', min(timestamp)),
            date_trunc('milliseconds', max(timestamp))) / 1000 AS seconds
    FROM messages WHERE event_type = 'message.added' AND {_WITHIN} GROUP BY day, conversation_id)
SELECT day, count(*), sum(said)::BIGINT, sum(counted)::BIGINT, sum(seconds) FROM spoken GROUP BY day ORDER BY day
"""

DEBATE = """
SELECT any_value(topic), min(timestamp), min(timestamp) FILTER (event_type = 'debate.completed'), max(timestamp),
    coalesce(max(round), 0), last(winner ORDER BY kafka_offset) FILTER (event_type = 'debate.completed'),
    last(consensus_reached ORDER BY kafka_offset) FILTER (event_type = 'debate.completed')
FROM debates WHERE debate_id = $debate_id HAVING count(*) > 0
"""

SIDES = f"""
SELECT participant, arg_max(position, kafka_offset), arg_max(provider, kafka_offset), arg_max(model, kafka_offset),
    count(*), count(response_time_ms), coalesce(sum(response_time_ms), 0),
    coalesce(quantile_disc(response_time_ms, {_QUANTILES}), [0, 0, 0]), count(confidence), coalesce(sum(confidence), 0)
FROM debates WHERE event_type = 'debate.turn' AND debate_id = $debate_id GROUP BY participant ORDER BY participant
"""

VERDICTS = """
SELECT coalesce(winner, '') AS who, count(*) FROM debates
WHERE event_type = 'debate.judged' AND debate_id = $debate_id GROUP BY who ORDER BY who
"""


@cache
def words(statement: str) -> frozenset[str]:
    """Return the words of a statement: what is not among them need not be read."""
    return frozenset(re.findall(r"\w+", statement))
