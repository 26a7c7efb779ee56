"""System Health: components, streams, Kafka, the stores, the API, jobs and processes; from Prometheus."""

from panels import (
    PROMETHEUS,
    Json,
    choice,
    dashboard,
    heading,
    levels,
    metric,
    now,
    plot,
    rows,
    stat,
    table,
    timeline,
)
from rollups import P50, P95, P99, quantile, share, within

_OFF = "helixagent_bigdata_component_enabled == 0"
_OF_QUERY = '{query=~"$query"}'
_RATE = "[$__rate_interval]"
_REQUESTS = "helixagent_http_requests_total"
_FAILED = f'{_REQUESTS}{{status=~"5.."}}'
_LATENCY = "helixagent_http_request_duration_seconds_bucket"


def system_health() -> Json:
    """Return the dashboard."""
    variable = choice("query", "Stream", PROMETHEUS, "label_values(helixagent_stream_up, query)")
    parts = [_numbers(), _components(), _streams(), _kafka(), _stores(), _api(), _jobs(), _processes()]
    about = "Whether all of it works, how far behind it is, and what fails. Limits are those of the alert rules."
    panels = [panel for part in parts for panel in part]
    return dashboard("helix-system", "System Health", about, panels, variables=[variable], since="6h")


def _rate(name: str, *by: str, within: str = "") -> str:
    return f"sum by ({', '.join(by)}) (rate({name}{within}{_RATE}))"


def _p(share_of_all: float, histogram: str, *by: str, within: str = "") -> str:
    return f"histogram_quantile({share_of_all}, {_rate(f'{histogram}_bucket', 'le', *by, within=within)})"


def _numbers() -> list[Json]:
    errors = f"(sum(rate({_FAILED}[5m])) or vector(0)) / sum(rate({_REQUESTS}[5m]))"
    slow = f"histogram_quantile(0.99, sum by (le) (rate({_LATENCY}[5m])))"
    return [
        stat(
            "Components not healthy",
            "Degraded or down, of those that are on; the page /ui says why.",
            now("sum(helixagent_bigdata_component_enabled - helixagent_bigdata_component_healthy)"),
            limits=levels(1, 2),
        ),
        stat(
            "Streams down", "Queries that do not run.", now("sum(helixagent_stream_up == bool 0)"), limits=levels(1, 2)
        ),
        stat(
            "Lag",
            "Records in Kafka that the slowest query has not processed.",
            now("max(helixagent_kafka_consumer_lag)"),
            limits=levels(20_000, 200_000),
        ),
        stat(
            "Freshness",
            "Seconds from the broker to the store, in the last batch of the slowest query.",
            now("max(helixagent_stream_freshness_seconds)"),
            "s",
            levels(10, 60),
        ),
        stat(
            "API errors", "Share of requests answered with 5xx, 5 min.", now(errors), "percentunit", levels(0.001, 0.01)
        ),
        stat("API p99", "99 % of the requests were faster, 5 min.", now(slow), "s", levels(1, 2.5)),
    ]


def _components() -> list[Json]:
    words = {1: ("healthy", "green"), 0: ("not healthy", "red")}
    up = {1: ("up", "green"), 0: ("down", "red")}
    return [
        heading("Now"),
        timeline(
            "Components",
            "Of the platform, as /v1/bigdata/health says it; one that is switched off is left out.",
            metric(f"min by (component) (helixagent_bigdata_component_healthy unless {_OFF})", "{{component}}"),
            words,
        ),
        timeline(
            "Streams", "Whether each query runs.", metric("max by (query) (helixagent_stream_up)", "{{query}}"), up
        ),
        table(
            "Alerts",
            "Rules of docker/prometheus/alerts.yml that fire now.",
            now('ALERTS{alertstate="firing"}'),
            {},
            width=12,
        ),
        table("Scraped", "What Prometheus asks, and whether it answers.", now("up"), {}, width=12),
    ]


def _streams() -> list[Json]:
    def each(name: str, title: str, description: str, unit: str, limits: Json | None = None) -> Json:
        expression = f"max by (query) (helixagent_{name}{_OF_QUERY})"
        return plot(title, description, metric(expression, "{{query}}"), unit=unit, limits=limits)

    def counted(name: str, title: str, description: str) -> Json:
        expression = f"sum by (query) (increase(helixagent_stream_{name}_total{_OF_QUERY}[$__interval]))"
        return plot(title, description, metric(expression, "{{query}}"), stacked=True, bars=True, every="5m")

    batch = _p(0.95, "helixagent_stream_batch_seconds", "query", within=_OF_QUERY)
    read = _rate("helixagent_stream_rows_total", "query", within=_OF_QUERY)
    return [
        heading("Streams"),
        plot("Records per second", "Read from Kafka by each query.", metric(read, "{{query}}"), unit="cps"),
        each("stream_rows_per_second", "Speed of the last batch", "Records divided by the batch's duration.", "cps"),
        each("kafka_consumer_lag", "Lag", "Records in Kafka not processed yet.", "short", levels(20_000, 200_000)),
        each(
            "stream_freshness_seconds",
            "Freshness",
            "From when the broker took the newest record of the last batch to when it could be read.",
            "s",
            levels(10, 60),
        ),
        plot("p95 of a batch", "Duration of micro-batches.", metric(batch, "{{query}}"), unit="s"),
        counted("failures", "Failures", "Times that a query ended with an error; it starts again by itself."),
        counted("rejected", "Refused records", "Put into quarantine as unreadable; `helix quarantine list` says why."),
    ]


def _kafka() -> list[Json]:
    def by_topic(name: str) -> Json:
        return metric(_rate(f"helixagent_kafka_messages_{name}_total", "topic"), "{{topic}}")

    return [
        heading("Kafka"),
        plot("Produced", "Records that the brokers acknowledged, by topic.", by_topic("produced"), unit="mps"),
        plot("Consumed", "Records read, by topic; again for each reader.", by_topic("consumed"), unit="mps"),
    ]


def _stores() -> list[Json]:
    house, graph = "helixagent_clickhouse_queries_total", "helixagent_neo4j_queries_total"
    failed = '{result!="ok"}'
    created = [
        metric(f"sum(rate(helixagent_neo4j_{what}_created_total{_RATE}))", what) for what in ("nodes", "relationships")
    ]
    slow = _p(0.99, "helixagent_clickhouse_query_duration_seconds", "kind")
    inserted = _rate("helixagent_clickhouse_rows_inserted_total", "table")
    return [
        heading("Stores"),
        plot("ClickHouse: queries per second", "By kind.", metric(_rate(house, "kind"), "{{kind}}"), unit="reqps"),
        plot(
            "ClickHouse: p99",
            "Until it began to answer, by kind.",
            metric(slow, "{{kind}}"),
            unit="s",
            limits=levels(1, 5),
        ),
        plot("ClickHouse: rows inserted", "Per second, by table.", metric(inserted, "{{table}}"), unit="wps"),
        plot("Neo4j: queries per second", "By kind.", metric(_rate(graph, "kind"), "{{kind}}"), unit="reqps"),
        plot("Neo4j: created", "By the streams, per second.", *created, unit="wps"),
        plot(
            "Failed queries per second",
            "Refused, timed out or unanswered.",
            metric(_rate(house, "kind", within=failed), "ClickHouse {{kind}}"),
            metric(_rate(graph, "kind", within=failed), "Neo4j {{kind}}"),
            unit="reqps",
        ),
    ]


def _api() -> list[Json]:
    quantiles = [
        metric(f"histogram_quantile({of}, sum by (le) (rate({_LATENCY}{_RATE})))", name)
        for of, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]
    status = _rate(_REQUESTS, "status")
    classes = f'sum by (class) (label_replace({status}, "class", "${{1}}xx", "status", "(.).."))'
    sketches = (
        ("p50", quantile("duration", P50)),
        ("p95", quantile("duration", P95)),
        ("p99", quantile("duration", P99)),
    )
    columns = ", ".join(f"{expression} AS {name}" for name, expression in sketches)
    failed = share("sumIf(requests, status >= 500)", "sum(requests)")
    routes = (
        f'SELECT route AS Route, method AS Method, sum(requests) AS Requests, {failed} AS "5xx", {columns}'
        f" FROM usage_stats_minutely WHERE {' AND '.join(within('time', 'toStartOfMinute'))}"
        " GROUP BY route, method ORDER BY p99 DESC LIMIT 100"
    )
    return [
        heading("API"),
        plot(
            "Requests per second", "By class of the answer.", metric(classes, "{{class}}"), unit="reqps", stacked=True
        ),
        plot(
            "Latency", "Of all requests, until the whole answer was sent.", *quantiles, unit="s", limits=levels(1, 2.5)
        ),
        plot(
            "Requests per second by route",
            "By the template of the route.",
            metric(_rate(_REQUESTS, "route"), "{{route}}"),
            unit="reqps",
        ),
        plot(
            "p99 by route",
            "Until the whole answer was sent.",
            metric(_p(0.99, "helixagent_http_request_duration_seconds", "route"), "{{route}}"),
            unit="s",
            limits=levels(1, 2.5),
        ),
        table(
            "Routes",
            "All requests of the range, also from before Prometheus was started; from ClickHouse's usage_stats.",
            rows(routes),
            {"5xx": "percentunit", **dict.fromkeys(("p50", "p95", "p99"), "ms")},
            sort="p99",
        ),
    ]


def _jobs() -> list[Json]:
    last = "time() - max by (job) (helixagent_job_last_success_timestamp_seconds)"
    took = metric("max by (job) (helixagent_job_duration_seconds)", "{{job}}")
    growing = "max by (instance) (helixagent_journal_waiting_events)"
    return [
        heading("Jobs and journal"),
        plot("Since the last success", "Of each batch job, by what it pushed.", metric(last, "{{job}}"), unit="s"),
        plot("Duration of jobs", "Of the last run that succeeded.", took, unit="s"),
        plot(
            "Journal",
            "Events that the API keeps on its disk until Kafka takes them.",
            metric(growing, "{{instance}}"),
            width=24,
        ),
    ]


def _processes() -> list[Json]:
    processor = metric(f"rate(process_cpu_seconds_total{_RATE})", "{{job}} {{instance}}")
    memory = metric("process_resident_memory_bytes", "{{job}} {{instance}}")
    files = metric("process_open_fds / process_max_fds", "{{job}} {{instance}}")
    return [
        heading("Processes"),
        plot("Processor", "Cores in use.", processor, unit="short", width=8),
        plot("Memory", "Resident; of the streams that of the driver's Python alone.", memory, unit="bytes", width=8),
        plot(
            "Open files",
            "Share of those that the process may open.",
            files,
            unit="percentunit",
            limits=levels(0.7, 0.9),
            width=8,
        ),
    ]
