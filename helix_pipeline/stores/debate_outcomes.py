"""Who won: the rows of `debate_outcomes`, computed from all events of a debate that the warehouse holds.

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


def settle(connection: Client, debate_ids: Sequence[str]) -> None:
    """Write the outcomes of those of the debates that have ended: a row for each participant that spoke."""
    for start in range(0, len(debate_ids), MOST_IDS):
        ids = list(debate_ids[start : start + MOST_IDS])
        connection.command(_SETTLE, parameters={"ids": ids})
