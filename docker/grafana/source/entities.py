"""Entity Growth: what messages name, what is new, what rises, and how the knowledge graph grows with it."""

from panels import CLICKHOUSE, Json, choice, dashboard, heading, metric, now, plot, rows, series, stat, table
from rollups import chosen, share, within

_OF_TYPE = chosen("type", "type")
HOURLY = f"(SELECT * FROM entity_stats_hourly WHERE {' AND '.join((*within('time', 'toStartOfHour'), _OF_TYPE))})"
DAILY = f"entity_stats_daily WHERE $__dateFilter(day) AND {_OF_TYPE}"
NEW = (
    f"(SELECT type, min(day) AS first FROM entity_stats_daily WHERE {_OF_TYPE} GROUP BY type, entity_id"
    " HAVING $__dateFilter(first))"
)
"""Entities by the day on which they were first named, of those that are kept."""

_TIME = "$__timeInterval(time) AS time"
_BY_TYPE = "GROUP BY time, type ORDER BY time, type"


def entity_growth() -> Json:
    """Return the dashboard."""
    variable = choice("type", "Type", CLICKHOUSE, "SELECT DISTINCT type FROM entity_stats_hourly ORDER BY type")
    about = "What messages name, from ClickHouse by the hour and by the day; nodes and relationships of Neo4j live."
    return dashboard(
        "helix-entities",
        "Entity Growth",
        about,
        [*_numbers(), *_growth(), *_graph(), *_which()],
        variables=[variable],
        since="7d",
    )


def _numbers() -> list[Json]:
    def one(expression: str) -> Json:
        return rows(f"SELECT {expression} AS value FROM {HOURLY}")

    return [
        stat("Entities", "Different ones named in the range, about 1 % off.", one("uniqCombinedMerge(12)(entities)")),
        stat("New entities", "First named in the range.", rows(f"SELECT count() AS value FROM {NEW}")),
        stat("Mentions", "How often entities were named.", one("sum(mentions)")),
        stat("Messages", "That name any entity.", one("sum(messages)")),
        stat("Entities a message", "Mean, of messages that name any.", one(share("sum(extractions)", "sum(messages)"))),
        stat(
            "Nodes created",
            "In Neo4j by the streams, in the range.",
            now("sum(increase(helixagent_neo4j_nodes_created_total[$__range]))"),
        ),
    ]


def _growth() -> list[Json]:
    def by_type(expression: str) -> Json:
        return series(f"SELECT {_TIME}, type, {expression} AS value FROM {HOURLY} {_BY_TYPE}")

    of_day = "toDateTime(first, 'UTC') AS time"
    grown = "sum(count()) OVER (ORDER BY time) AS entities"
    return [
        heading("Growth"),
        plot(
            "Mentions per hour", "By type.", by_type("sum(mentions) * 3600 / $__interval_s"), stacked=True, every="1h"
        ),
        plot(
            "Different entities",
            "Named in each interval, by type.",
            by_type("uniqCombinedMerge(12)(entities)"),
            every="1h",
        ),
        plot(
            "New entities a day",
            "By the day on which they were first named, and by type.",
            series(f"SELECT {of_day}, type, count() AS value FROM {NEW} {_BY_TYPE}"),
            stacked=True,
            bars=True,
            every="1d",
        ),
        plot(
            "Growth over the range",
            "New entities, added up.",
            series(f"SELECT {of_day}, {grown} FROM {NEW} GROUP BY time ORDER BY time"),
            every="1d",
        ),
        plot(
            "Entities a message",
            "Mean, of messages that name any, by type.",
            by_type(share("sum(extractions)", "sum(messages)")),
            every="1h",
        ),
        plot(
            "Messages that name entities",
            "Per hour, by type; a message of two types counts in each for its share.",
            by_type("sum(messages) * 3600 / $__interval_s"),
            stacked=True,
            every="1h",
        ),
    ]


def _graph() -> list[Json]:
    def created(what: str) -> Json:
        return metric(f"sum(increase(helixagent_neo4j_{what}_created_total[$__interval]))", what)

    lag = 'max by (query) (helixagent_kafka_consumer_lag{query=~"graph[.].*"})'
    return [
        heading("Knowledge graph"),
        plot(
            "Created in Neo4j",
            "Nodes and relationships that the streams created in each interval.",
            created("nodes"),
            created("relationships"),
            bars=True,
            every="5m",
        ),
        plot("Behind Kafka", "Records that the graph's streams have not processed yet.", metric(lag, "{{query}}")),
    ]


def _which() -> list[Json]:
    most = (
        "SELECT max(name) AS Entity, type AS Type, sum(messages) AS Messages, sum(mentions) AS Mentions,"
        f' uniqExact(day) AS Days, min(day) AS "First day" FROM {DAILY} GROUP BY type, entity_id'
        " ORDER BY Messages DESC LIMIT 50"
    )
    middle = "toDate(($__fromTime) + dateDiff('second', $__fromTime, $__toTime) / 2)"
    halves = (
        f"SELECT max(name) AS Entity, type AS Type, sumIf(messages, day < {middle}) AS Before,"
        f" sumIf(messages, day >= {middle}) AS After, After - Before AS Rise FROM {DAILY}"
        " GROUP BY type, entity_id HAVING Rise > 0 ORDER BY Rise DESC LIMIT 50"
    )
    return [
        heading("Which"),
        table(
            "Most named", "The 50 entities in most messages of the range.", rows(most), {}, sort="Messages", width=12
        ),
        table(
            "Rising",
            "Messages that name an entity in the second half of the range, beside those in the first.",
            rows(halves),
            {},
            sort="Rise",
            width=12,
        ),
    ]
