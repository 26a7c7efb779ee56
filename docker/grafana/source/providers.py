"""Provider Performance: how fast, how reliable and how dear the models are, and which of them win debates."""

from panels import CLICKHOUSE, Json, choice, dashboard, heading, levels, plot, rows, series, stat, table
from rollups import P50, P95, P99, chosen, quantile, rollup, share

_OF_PROVIDER = chosen("provider", "provider")
CALLS = rollup("provider_stats", _OF_PROVIDER)
TURNS = rollup("debate_stats", _OF_PROVIDER)
OUTCOMES = f"debate_outcomes FINAL WHERE $__timeFilter(ended_at) AND {_OF_PROVIDER}"
_TIME = "$__timeInterval(time) AS time"
_PER_MINUTE = "60 / $__interval_s"
_BY_PROVIDER = "GROUP BY time, provider ORDER BY time, provider"
ERROR_RATE = share("sum(failures)", "sum(requests)")


def provider_performance() -> Json:
    """Return the dashboard."""
    variable = choice(
        "provider", "Provider", CLICKHOUSE, "SELECT DISTINCT provider FROM provider_stats_hourly ORDER BY provider"
    )
    panels = [*_numbers(), *_calls(), *_models(), *_debates()]
    about = "Calls to providers, from ClickHouse's rollups: minutes, or hours where points are an hour or more apart."
    return dashboard("helix-providers", "Provider Performance", about, panels, variables=[variable])


def _numbers() -> list[Json]:
    def one(expression: str) -> Json:
        return rows(f"SELECT {expression} AS value FROM {CALLS}")

    slow = levels(2_000, 10_000)
    return [
        stat("Requests", "Calls to providers in the range.", one("sum(requests)")),
        stat("Error rate", "Share of calls that failed.", one(ERROR_RATE), "percentunit", levels(0.01, 0.05)),
        stat("Median latency", "Half of the calls were faster.", one(quantile("latency", P50)), "ms", slow),
        stat(
            "p95 latency", "95 % of the calls were faster; 1 % off at most.", one(quantile("latency", P95)), "ms", slow
        ),
        stat(
            "p99 latency", "99 % of the calls were faster; 1 % off at most.", one(quantile("latency", P99)), "ms", slow
        ),
        stat("Cost", "What the calls of the range cost.", one("sum(cost)"), "currencyUSD"),
    ]


def _calls() -> list[Json]:
    def by_provider(expression: str) -> Json:
        return series(f"SELECT {_TIME}, provider, {expression} AS value FROM {CALLS} {_BY_PROVIDER}")

    quantiles = ", ".join(
        f"{quantile('latency', place)} AS {name}" for name, place in (("p50", P50), ("p95", P95), ("p99", P99))
    )
    errors = (
        f"SELECT {_TIME}, kind, sum(failed) AS value FROM {CALLS}"
        " ARRAY JOIN mapKeys(errors) AS kind, mapValues(errors) AS failed GROUP BY time, kind ORDER BY time, kind"
    )
    tokens = ", ".join(f"sum(tokens_{kind}) * {_PER_MINUTE} AS {kind}" for kind in ("prompt", "completion"))
    return [
        heading("Calls"),
        plot("Requests per minute", "By provider.", by_provider(f"sum(requests) * {_PER_MINUTE}"), stacked=True),
        plot(
            "Error rate",
            "Share of each provider's calls that failed.",
            by_provider(ERROR_RATE),
            unit="percentunit",
            limits=levels(0.01, 0.05),
        ),
        plot("p95 latency", "By provider.", by_provider(quantile("latency", P95)), unit="ms"),
        plot(
            "Latency of all calls",
            "Quantiles over all chosen providers; 1 % off at most.",
            series(f"SELECT {_TIME}, {quantiles} FROM {CALLS} GROUP BY time ORDER BY time"),
            unit="ms",
        ),
        plot("Errors by kind", "Failed calls, by what the provider said.", series(errors), stacked=True, bars=True),
        plot("Cost per hour", "By provider.", by_provider("sum(cost) * 3600 / $__interval_s"), unit="currencyUSD"),
        plot(
            "Tokens per minute",
            "Tokens sent (prompt) and received (completion).",
            series(f"SELECT {_TIME}, {tokens} FROM {CALLS} GROUP BY time ORDER BY time"),
            width=24,
        ),
    ]


def _models() -> list[Json]:
    columns = (
        "sum(requests) AS Requests",
        f'{ERROR_RATE} AS "Error rate"',
        f"{quantile('latency', P50)} AS p50",
        f"{quantile('latency', P95)} AS p95",
        f"{quantile('latency', P99)} AS p99",
        'sum(tokens_prompt) AS "Tokens in"',
        'sum(tokens_completion) AS "Tokens out"',
        "sum(cost) AS Cost",
        f'{share("sum(cost) * 1000", "sum(requests)")} AS "Cost of 1,000 calls"',
        "uniqCombinedMerge(12)(conversations) AS Conversations",
    )
    sql = f"SELECT provider AS Provider, model AS Model, {', '.join(columns)} FROM {CALLS} GROUP BY provider, model"
    units = {"Error rate": "percentunit", "p50": "ms", "p95": "ms", "p99": "ms"}
    units |= {"Cost": "currencyUSD", "Cost of 1,000 calls": "currencyUSD"}
    return [table("Models", "Each model in the range.", rows(sql), units, sort="Requests")]


def _debates() -> list[Json]:
    def of_turns(expression: str) -> Json:
        return series(f"SELECT {_TIME}, provider, {expression} AS value FROM {TURNS} {_BY_PROVIDER}")

    # Wilson's interval of 95 %: the rate of few debates is shown for as unsure as it is.
    middle = "(won + 1.92) / (n + 3.84)"
    half = "1.96 * sqrt(won * (n - won) / n + 0.96) / (n + 3.84)"
    wins = (
        'SELECT provider AS Provider, model AS Model, n AS "Decided debates", won AS Won, won / n AS "Win rate",'
        f' {middle} - {half} AS "at least", {middle} + {half} AS "at most" FROM (SELECT provider, model,'
        f" countIf(decided) AS n, countIf(decided AND won) AS won FROM {OUTCOMES} GROUP BY provider, model) WHERE n > 0"
    )
    units = dict.fromkeys(("Win rate", "at least", "at most"), "percentunit")
    return [
        heading("Debates"),
        plot(
            "Confidence of turns",
            "Mean of what participants say of how sure they are, by provider.",
            of_turns(share("sum(confidence)", "sum(rated)")),
            unit="percentunit",
        ),
        plot("p95 response time of turns", "By provider.", of_turns(quantile("response_time", P95)), unit="ms"),
        table(
            "Who wins",
            "Debates that ended in the range with a winner; `at least` and `at most` bound the win rate with 95 %.",
            rows(wins),
            units,
            sort="at least",
        ),
    ]
