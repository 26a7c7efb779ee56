"""Conversation Analytics: how many conversations there are, how long, how well they compress, how debates end."""

from panels import Json, columns, dashboard, heading, levels, metric, plot, rows, series, stat, table
from rollups import share

DAYS = "conversation_metrics WHERE $__dateFilter(day)"
COMPRESSED = "compression_stats WHERE $__timeFilter(timestamp)"
DEBATES = (
    "(SELECT debate_id, min(ended_at) AS ended, any(rounds) AS rounds, any(consensus_reached) AS consensus,"
    " max(decided) AS decided FROM debate_outcomes FINAL WHERE $__timeFilter(ended_at) GROUP BY debate_id)"
)
_OF_DAY = "toDateTime(day, 'UTC') AS time"
_MINUTES = "dateDiff('second', first, last) / 60"
WHOLE = (
    "(SELECT conversation_id, sum(messages) AS messages, sum(user_messages) AS user_messages, sum(tokens) AS tokens,"
    f" min(first) AS first, max(last) AS last FROM {DAYS} GROUP BY conversation_id)"
)
"""Conversations as far as they are in the range, one row each."""

DAILY = (
    "(SELECT day, conversation_id, sum(messages) AS messages, sum(user_messages) AS user_messages,"
    f" sum(tokens) AS tokens, min(first) AS first, max(last) AS last FROM {DAYS} GROUP BY day, conversation_id)"
)


def conversation_analytics() -> Json:
    """Return the dashboard."""
    about = "Conversations by day, from ClickHouse; the rate of new messages and of compressions by the minute."
    panels = [*_numbers(), *_growth(), *_shape(), *_compression(), *_debates()]
    return dashboard("helix-conversations", "Conversation Analytics", about, panels, since="30d")


def _numbers() -> list[Json]:
    def one(expression: str) -> Json:
        return rows(f"SELECT {expression} AS value FROM {WHOLE}")

    ratio = rows(f"SELECT {share('sum(compressed_tokens)', 'sum(original_tokens)')} AS value FROM {COMPRESSED}")
    return [
        stat("Conversations", "In which something was said on a day of the range.", one("count()")),
        stat("Messages", "Said on the days of the range.", one("sum(messages)")),
        stat("Messages a conversation", "Mean.", one(share("sum(messages)", "count()"))),
        stat(
            "Median duration",
            "From the first to the last message of a conversation.",
            one(f"quantileExact({_MINUTES})"),
            "m",
        ),
        stat("Tokens", "Of all messages, where producers counted them.", one("sum(tokens)")),
        stat("Compressed to", "Tokens left after compression, of those before.", ratio, "percentunit"),
    ]


def _growth() -> list[Json]:
    def by_day(expression: str) -> Json:
        return series(f"SELECT {_OF_DAY}, {expression} FROM {DAILY} GROUP BY time ORDER BY time")

    produced = "sum(rate(helixagent_kafka_messages_produced_total"
    consumed = "sum by (query) (rate(helixagent_stream_rows_total"
    return [
        heading("Growth"),
        plot(
            "Conversations a day",
            "With a message on that day.",
            by_day("count() AS conversations"),
            bars=True,
            every="1d",
        ),
        plot(
            "Messages a day",
            "By who said them.",
            by_day("sum(user_messages) AS users, sum(messages) - sum(user_messages) AS others"),
            bars=True,
            stacked=True,
            every="1d",
        ),
        plot(
            "New messages per second",
            "Acknowledged by Kafka, and read by each stream of conversations.",
            metric(produced + '{topic="helixagent.conversations"}[$__rate_interval]))', "produced"),
            metric(consumed + '{query=~".*[.]conversation.*"}[$__rate_interval]))', "{{query}}"),
            unit="mps",
        ),
        plot("Tokens a day", "Of all messages.", by_day("sum(tokens) AS tokens"), bars=True, every="1d"),
    ]


def _shape() -> list[Json]:
    def classed(value: str, bounds: list[int], unit: str) -> Json:
        names = [f"to {bound:,}" for bound in bounds] + [f"over {bounds[-1]:,}"]
        cases = ", ".join(f"{value} <= {bound}, '{name}'" for bound, name in zip(bounds, names, strict=False))
        order = ", ".join(f"'{name}'" for name in names)
        sql = f"SELECT multiIf({cases}, '{names[-1]}') AS {unit}, count() AS conversations FROM {WHOLE} GROUP BY {unit}"
        return rows(f"{sql} ORDER BY indexOf([{order}], {unit})")

    longest = (
        'SELECT conversation_id AS Conversation, messages AS Messages, user_messages AS "of users", tokens AS Tokens,'
        f" first AS First, last AS Last, {_MINUTES} AS Duration FROM {WHOLE} ORDER BY messages DESC LIMIT 50"
    )
    means = "avg(messages) AS messages"
    return [
        heading("Shape"),
        columns(
            "Conversations by length",
            "In messages.",
            classed("messages", [2, 5, 10, 20, 50, 100, 500], "length"),
            "length",
        ),
        columns(
            "Conversations by duration",
            "In minutes from the first to the last message.",
            classed(_MINUTES, [1, 5, 15, 60, 240, 1440, 10080], "minutes"),
            "minutes",
        ),
        plot(
            "Messages of a conversation and day",
            "Mean.",
            series(f"SELECT {_OF_DAY}, {means} FROM {DAILY} GROUP BY time ORDER BY time"),
            every="1d",
        ),
        plot(
            "Minutes of a conversation and day",
            "Median and 95th percentile, from the first to the last message of the day.",
            series(
                f"SELECT {_OF_DAY}, quantile(0.5)({_MINUTES}) AS median, quantile(0.95)({_MINUTES}) AS p95"
                f" FROM {DAILY} GROUP BY time ORDER BY time"
            ),
            unit="m",
            every="1d",
        ),
        table("Longest conversations", "The 50 with most messages in the range.", rows(longest), {"Duration": "m"}),
    ]


def _compression() -> list[Json]:
    def by_strategy(expression: str) -> Json:
        return series(
            f"SELECT $__timeInterval(timestamp) AS time, strategy, {expression} AS value FROM {COMPRESSED}"
            " GROUP BY time, strategy ORDER BY time, strategy"
        )

    kept = share("sum(compressed_tokens)", "sum(original_tokens)")
    return [
        heading("Compression of contexts"),
        plot("Compressions per minute", "By strategy.", by_strategy("count() * 60 / $__interval_s"), stacked=True),
        plot("Tokens that stay", "Share of a context's tokens, by strategy.", by_strategy(kept), unit="percentunit"),
        plot(
            "Quality",
            "Mean score of compressed contexts; below 0.95 answers carry a warning.",
            by_strategy("avg(quality_score)"),
            unit="percentunit",
            limits=levels(0.95, 0.8),
        ),
        plot(
            "p95 duration",
            "Of compressions that no cache had.",
            by_strategy("quantileIf(0.95)(duration_ms, NOT cached)"),
            unit="ms",
        ),
    ]


def _debates() -> list[Json]:
    by_day = f"FROM {DEBATES} GROUP BY time ORDER BY time"
    day = "toStartOfDay(ended, 'UTC') AS time"
    return [
        heading("Debates"),
        plot(
            "Debates a day",
            "By how they ended.",
            series(f'SELECT {day}, countIf(decided) AS "with a winner", countIf(NOT decided) AS "without" {by_day}'),
            bars=True,
            stacked=True,
            every="1d",
        ),
        plot(
            "Rounds and consensus",
            "Mean number of rounds, and share of debates that reached a consensus (0 to 1).",
            series(f"SELECT {day}, avg(rounds) AS rounds, avg(consensus) AS consensus {by_day}"),
            every="1d",
        ),
    ]
