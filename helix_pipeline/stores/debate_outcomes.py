"""Who won: the rows of `debate_outcomes`, computed from all events of a debate that the warehouse holds, and the
counts of each hour in `debate_outcomes_hourly`, computed from these.

Computing them again from the same events writes equal rows, of which the table keeps one. Events that come late, such
as a turn after the end, lead to rows that know more events and take the place of the others.
"""

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

MOST_IDS = 500
"""Ids of one statement, which travel in its URL."""

_COLUMNS = (
    "ended_at, debate_id, participant, position, provider, model, won, leads, decided, consensus_reached, rounds,"
    " turns, events, ingested_at"
)

_ENDS = """
    SELECT
        debate_id AS id,
        argMinIf(timestamp, (ingested_at, kafka_offset), event_type = 'debate.completed') AS ended,
        argMaxIf(
            (coalesce(toString(winner), ''), coalesce(consensus_reached, false), coalesce(round, 0)),
            (ingested_at, kafka_offset),
            event_type = 'debate.completed'
        ) AS result,
        count() AS known,
        max(ingested_at) AS learnt
    FROM debate_events
    WHERE debate_id IN {ids:Array(String)}
    GROUP BY id
    HAVING countIf(event_type = 'debate.completed') > 0
"""

_SIDES = """
    SELECT
        debate_id AS id,
        assumeNotNull(participant) AS who,
        argMax((position, assumeNotNull(provider), assumeNotNull(model)), (ingested_at, kafka_offset)) AS what,
        count() AS said
    FROM debate_events
    WHERE debate_id IN {ids:Array(String)} AND event_type = 'debate.turn'
    GROUP BY id, who
"""

_SETTLE = f"""
INSERT INTO debate_outcomes ({_COLUMNS})
SELECT ended, id, who, what.1, what.2, what.3, who = result.1, who = min(who) OVER (PARTITION BY id), result.1 != '',
    result.2, result.3, said, known, learnt
FROM ({_ENDS}) AS ends INNER JOIN ({_SIDES}) AS sides USING (id)
"""  # noqa: S608 - no value stands in it

_OF_HOURS = f"""
SELECT toStartOfHour(ended_at) AS time, provider, model, 1 AS debates, won AS wins, leads AS ended,
    leads AND decided AS decisions, events, ingested_at
FROM debate_outcomes FINAL
WHERE toStartOfHour(ended_at) IN (SELECT toStartOfHour(ended) FROM ({_ENDS}))
"""  # noqa: S608 - no value stands in it

_COUNTED_BEFORE = f"""
SELECT time, provider, model, 0, 0, 0, 0, 0, ingested_at
FROM debate_outcomes_hourly
WHERE time IN (SELECT toStartOfHour(ended) FROM ({_ENDS}))
"""  # noqa: S608 - no value stands in it

_COUNT = f"""
INSERT INTO debate_outcomes_hourly
SELECT time, provider, model, sum(debates), sum(wins), sum(ended), sum(decisions),
    sum(sum(events)) OVER (PARTITION BY time), max(max(ingested_at)) OVER (PARTITION BY time)
FROM ({_OF_HOURS} UNION ALL {_COUNTED_BEFORE})
GROUP BY time, provider, model
"""  # noqa: S608 - no value stands in it


def settle(connection: Client, debate_ids: Sequence[str]) -> None:
    """Write the outcomes of those of the debates that have ended: a row for each participant that spoke.

    The hours in which they ended are counted anew afterwards, so that of two who write at once the last counts all.
    """
    for start in range(0, len(debate_ids), MOST_IDS):
        ids = list(debate_ids[start : start + MOST_IDS])
        for statement in (_SETTLE, _COUNT):
            connection.command(statement, parameters={"ids": ids})
