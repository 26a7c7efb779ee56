"""How fast analytics answer over 100,000,000 provider and debate rows in the embedded ClickHouse, on two cores.

Endpoints are asked over HTTP from a real `helix api`, by one client and by eight at a time; each question is put to the
raw rows in the same run, and raw scans to DuckDB over Parquet of the same rows. `--keep DIR` keeps the rows, or uses
those that are there (of the last days, where they were loaded today).
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import analytics_raw as raw
import analytics_rows as rows_of
import httpx
import numpy as np
from clickhouse_connect.driver.client import Client
from harness import console, publish_parts
from knowledge import api
from ports import free_ports

from helix_pipeline.local import servers
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.warehouse import client, open_warehouse
from helix_pipeline.stores.warehouse_migrations import migrate, migrations

CLIENTS = 8
AIMS_MS = {
    "/providers?window=24h": 50,
    "/provider/openai?window=24h": 50,
    "/conversations/trends?days=7": 30,
    "/debates/winners?limit=10": 40,
    "/debate/d1000": 40,
    "/entities/trends?days=7": 20,
    "/system": 10,
}
MORE = (
    "/providers?window=7d",
    "/providers?window=30d",
    "/providers?window=90d",
    "/providers?window=24h&bucket=hour",
    "/compression/stats",
)


def main() -> None:
    """Load the rows, unless they are there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000, help="provider and debate rows together")
    parser.add_argument("--questions", type=int, default=300, help="of each kind, after a tenth as many to warm up")
    parser.add_argument("--keep", type=Path, help="folder of the loaded rows, made where it is not there")
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="helix-bench-"))
    folder.mkdir(exist_ok=True)
    try:
        with clickhouse(folder) as settings:
            ingest = loaded(settings, folder / f"loaded-{asked.rows}.json", asked.rows)
            with client(open_warehouse(settings)) as house:
                settle(house)
                stored = sizes(house)
            with api(settings) as http:
                endpoints = [measured(http, path, asked.questions) for path in (*AIMS_MS, *MORE)]
            with client(open_warehouse(settings)) as house:
                endpoints = [one | {"raw p50 ms": raw.raw_ms(house, one["endpoint"])} for one in endpoints]
                scans = raw.compared(house, folder / "parquet")
        publish_parts("analytics", {"ingest": ingest, "bytes": stored, "endpoints": endpoints, "raw scans": scans})
    finally:
        if asked.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def clickhouse(folder: Path) -> Iterator[Settings]:
    """Run a ClickHouse of its own, with all tables."""
    ports = dict(zip(("clickhouse.port", "api.port", "postgres.port"), free_ports(3), strict=True))
    flags = {
        "home": str(folder),
        "streams.metrics_port": 0,
        "clickhouse.timeout_s": 600,
        "retention.clickhouse_days": 3650,
    }
    settings = load(environ={}, flags={**ports, **flags})
    try:
        servers.up(settings, ["clickhouse", "postgres"])
        migrate(settings)
        yield settings
    finally:
        servers.down(settings)


def loaded(settings: Settings, note: Path, rows: int) -> list[dict[str, Any]]:
    """Load all rows once; return how fast they came, beside the same rows without views."""
    if note.exists():
        found: list[dict[str, Any]] = json.loads(note.read_text())
        return found
    until = time.time_ns() // 1000
    calls, debates = rows * 7 // 10, rows * 3 // 10
    more = debates // rows_of.PER_DEBATE, rows // 100, rows // 10
    with client(open_warehouse(settings)) as house:
        floor = _without_views(house, calls, until)
        spent = {
            "provider_metrics": (calls, rows_of.fill(house, "provider_metrics", rows_of.calls(calls), calls, until)),
            "debate_events": (debates, rows_of.fill(house, "debate_events", rows_of.debates(debates), debates, until)),
        }
        rows_of.fill(house, "debate_outcomes", rows_of.outcomes(debates), more[0], until)
        house.command(_count_of_hours(settings))
        rows_of.fill(house, "conversation_metrics", rows_of.conversations(), more[1], until)
        rows_of.fill(house, "entity_extraction_metrics", rows_of.entities(more[2]), more[2], until)
    found = [
        {"table": name, "rows": count, "rows/s": round(count / seconds), "without views": round(floor[name])}
        for name, (count, seconds) in spent.items()
    ]
    note.write_text(json.dumps(found))
    return found


def _count_of_hours(settings: Settings) -> str:
    """Return the statement that counts the outcomes of all hours, as the migration does."""
    every = (text for one in migrations(settings) for text in one.statements)
    return next(text for text in every if text.startswith("INSERT INTO debate_outcomes_hourly"))


def _without_views(house: Client, rows: int, until: int) -> dict[str, float]:
    """Return rows per second into tables without views: what the views cost stands beside it."""
    found = {}
    for name, select in (("provider_metrics", rows_of.calls(rows)), ("debate_events", rows_of.debates(rows))):
        house.command(f"CREATE TABLE floor AS {name}")
        count = min(rows, 5 * rows_of.CHUNK)
        found[name] = count / rows_of.fill(house, "floor", select, count, until)
        house.command("DROP TABLE floor SYNC")
    return found


def settle(house: Client, limit_s: float = 600) -> None:
    """Wait until the merges of the load are done: they would be long done in operation."""
    deadline = time.monotonic() + limit_s
    with console.status("waiting for merges"):
        while house.query("SELECT count() FROM system.merges").result_rows[0][0] and time.monotonic() < deadline:
            time.sleep(2)


def sizes(house: Client) -> list[dict[str, Any]]:
    """Return rows and bytes of each table."""
    found = house.query(
        "SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts"
        " WHERE active AND database = currentDatabase() AND rows > 0 GROUP BY table ORDER BY sum(bytes_on_disk) DESC"
    )
    return [
        {"table": name, "rows": rows, "MiB": size / 2**20, "bytes a row": size / rows, "parts": parts}
        for name, rows, size, parts in found.result_rows
        if rows > 100
    ]


def measured(http: httpx.Client, path: str, questions: int) -> dict[str, Any]:
    """Ask one path by one client, then by eight at a time."""

    def ask(_: int) -> float:
        begin = time.perf_counter()
        answer = http.get(f"/v1/analytics{path}")
        assert answer.status_code == 200, answer.text
        assert not answer.json().get("degraded")
        return 1000 * (time.perf_counter() - begin)

    for number in range(max(questions // 10, 3)):
        ask(number)
    alone = _quantiles(list(map(ask, range(questions))))
    with ThreadPoolExecutor(CLIENTS) as pool:
        together = _quantiles(list(pool.map(ask, range(questions))))
    return {
        "endpoint": path,
        "p50 ms": alone[0],
        "p99 ms": alone[1],
        "aim p99": AIMS_MS.get(path, ""),
        "p50, 8 clients": together[0],
        "p99, 8 clients": together[1],
    }


def _quantiles(spent: list[float]) -> tuple[float, float]:
    return float(np.quantile(spent, 0.5)), float(np.quantile(spent, 0.99))


if __name__ == "__main__":
    main()
