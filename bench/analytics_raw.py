"""Questions over the raw rows: in ClickHouse, and in DuckDB over Parquet of the same rows, both with two threads."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from clickhouse_connect.driver.client import Client
from rich.progress import track

RUNS = 5
COLUMNS = "timestamp, provider, model, latency_ms, tokens_prompt, tokens_completion, success, error_type, cost"
PARTS = 12

SCANS = {
    "providers, 24 h": (
        "SELECT provider, count(*), avg(latency_ms), {p95} FROM {calls}"
        " WHERE timestamp >= (SELECT max(timestamp) FROM {calls}) - INTERVAL 1 DAY GROUP BY provider ORDER BY provider"
    ),
    "providers, 90 d": (
        "SELECT provider, count(*), avg(latency_ms), {p95} FROM {calls} GROUP BY provider ORDER BY provider"
    ),
    "cost by model": "SELECT model, sum(cost) AS spent FROM {calls} GROUP BY model ORDER BY model",
    "errors by hour": (
        "SELECT {hour} AS h, count(*) AS n FROM {calls} WHERE NOT success GROUP BY h ORDER BY n DESC, h LIMIT 10"
    ),
    "slow calls": "SELECT count(*) FROM {calls} WHERE latency_ms > 2000 AND tokens_completion < 100",
    "ten slowest": "SELECT timestamp, model, latency_ms FROM {calls} ORDER BY latency_ms DESC LIMIT 10",
}
"""Question -> SQL, with the words that the two dialects say in another way."""

_HOUSE = {
    "calls": "provider_metrics",
    "p95": "quantileTDigest(0.95)(latency_ms)",
    "hour": "toStartOfHour(timestamp)",
}
_DUCK = {
    "p95": "approx_quantile(latency_ms, 0.95)",
    "hour": "date_trunc('hour', timestamp)",
}


_CALLS = (
    "SELECT provider, count(), countIf(NOT success), avg(latency_ms), quantilesTDigest(0.5, 0.95, 0.99)(latency_ms),"
    " sum(tokens_prompt), sum(cost) FROM provider_metrics WHERE timestamp >= now() - INTERVAL {days} DAY"
    " GROUP BY provider"
)
_TURNS = (
    "SELECT provider, count(), avg(response_time_ms), quantilesTDigest(0.5, 0.95, 0.99)(response_time_ms),"
    " avg(confidence) FROM debate_metrics WHERE timestamp >= now() - INTERVAL {days} DAY GROUP BY provider"
)
_BY_HOUR = _CALLS.replace("SELECT ", "SELECT toStartOfHour(timestamp) AS hour, ", 1) + ", hour"

RAW = {
    **{
        f"/providers?window={text}": (_CALLS.format(days=days), _TURNS.format(days=days))
        for text, days in (("24h", 1), ("7d", 7), ("30d", 30), ("90d", 90))
    },
    "/providers?window=24h&bucket=hour": (_CALLS.format(days=1), _TURNS.format(days=1), _BY_HOUR.format(days=1)),
    "/provider/openai?window=24h": tuple(
        text.format(days=1).replace("WHERE", "WHERE provider = 'openai' AND") for text in (_CALLS, _TURNS)
    ),
    "/entities/trends?days=7": (
        "SELECT toDate(timestamp) AS day, count(), uniqExact(entity_id), avg(entities_per_message)"
        " FROM entity_extraction_metrics WHERE timestamp >= today() - 6 GROUP BY day",
        "SELECT entity_id, count() AS n FROM entity_extraction_metrics WHERE timestamp >= today() - 6"
        " GROUP BY entity_id ORDER BY n DESC LIMIT 20",
    ),
}
"""Endpoint -> the same question over the raw rows, where there is a rollup between."""


def raw_ms(house: Client, path: str) -> float | str:
    """Return the median time of an endpoint's question over the raw rows; '' where it reads no rollup."""
    statements = RAW.get(path)
    return _median(lambda: [house.query(text).result_rows for text in statements]) if statements else ""


def compared(house: Client, folder: Path) -> list[dict[str, Any]]:
    """Return the median time of each question in both; the rows are written as Parquet where they are not yet."""
    _export(house, folder)
    files = f"read_parquet('{folder}/*.parquet')"
    settings = {"max_threads": 2, "use_query_condition_cache": 0}
    found = []
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as duck:
        for name, sql in SCANS.items():
            in_house, in_duck = sql.format(**_HOUSE), sql.format(calls=files, **_DUCK)
            first = _median(lambda text=in_house: house.query(text, settings=settings).result_rows)  # type: ignore[misc]
            second = _median(lambda text=in_duck: duck.execute(text).fetchall())  # type: ignore[misc]
            ratio = second / first
            found.append({"scan": name, "ClickHouse ms": first, "DuckDB ms": second, "DuckDB / ClickHouse": ratio})
    size = sum(path.stat().st_size for path in folder.glob("*.parquet")) / 2**20
    return [*found, {"scan": "Parquet, MiB", "ClickHouse ms": "", "DuckDB ms": size, "DuckDB / ClickHouse": ""}]


def _median(ask: Callable[[], object]) -> float:
    ask()
    spent = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        ask()
        spent.append(1000 * (time.perf_counter() - begin))
    return float(np.median(spent))


def _export(house: Client, folder: Path) -> None:
    if folder.exists():
        return
    partial = folder.with_suffix(".partial")
    partial.mkdir(exist_ok=True)
    for part in track(range(PARTS), description="writing Parquet"):
        select = f"SELECT {COLUMNS} FROM provider_metrics WHERE kafka_partition = {part}"
        (partial / f"{part}.parquet").write_bytes(house.raw_query(select, fmt="Parquet"))
    partial.rename(folder)
