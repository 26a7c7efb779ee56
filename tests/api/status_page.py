"""The page `/ui` in a browser, over an API whose ClickHouse is the test's own and can be stopped."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import uvicorn
from api_process import Api, wait_for
from browser import Browser
from dashboard_rows import fill
from fastapi import FastAPI
from ports import free_ports

from helix_pipeline.api.problems import install
from helix_pipeline.api.ui.routes import router
from helix_pipeline.cli.servers import prepare_stores
from helix_pipeline.local import servers
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import warehouse

STREAM = {"query": "lake.conversations", "state": "running", "rows_per_second": 1234.5, "lag": 77, "batch_seconds": 0.8}


@contextmanager
def own_clickhouse(settings: Settings, folder: Path) -> Iterator[tuple[Settings, Settings]]:
    """Run a ClickHouse with some rows; yields its own settings, and those of an API that asks it."""
    ports = free_ports(2)
    own = load(environ={}, flags={"home": str(folder), "clickhouse.port": ports[0]})
    folder.parent.parent.chmod(0o755)
    servers.up(own, ["clickhouse"])
    try:
        prepare_stores(own, ["clickhouse"])
        with warehouse.client(warehouse.open_warehouse(own)) as connection:
            fill(connection, datetime.now(UTC))
        changed = {"clickhouse": own.clickhouse, "api": settings.api.model_copy(update={"port": ports[1]})}
        yield own, settings.model_copy(update=changed)
    finally:
        servers.down(own, ["clickhouse"])


@contextmanager
def reported_stream(settings: Settings) -> Iterator[None]:
    """Leave what a running query last reported, of this process."""
    path = settings.home / "streams" / f"{STREAM['query']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(STREAM | {"failures": 0, "pid": os.getpid(), "updated_at": time.time()}))
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def older_api() -> Iterator[str]:
    """Serve the page without any call that it makes, as an API of an older version would: its URL."""
    app = FastAPI()
    app.include_router(router)
    install(app)
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, 20, "the page")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def cancelled_job(api: Api) -> str:
    """Submit a job and cancel it; return its id."""
    job_id = api.submit()
    api.ask("DELETE", f"jobs/{job_id}")
    return job_id


@dataclass
class StatusPage:
    """The page in a browser."""

    browser: Browser
    url: str

    def open(self) -> None:
        """Load the page anew, and wait until each part shows something."""
        self.browser.open(f"{self.url}/ui")
        self.browser.until(lambda: len(self.browser.all(".age")) == 5 and not self.browser.all("[aria-busy]"), "parts")

    def rows(self, part: str) -> list[str]:
        """Return the text of each row of a part's table."""
        return self.browser.texts(f"#{part} tbody tr")

    def status(self, store: str) -> str:
        """Return the status of a store."""
        script = """return [...document.querySelectorAll("#health tbody tr")]
          .find((row) => row.cells[0].textContent === arguments[0]).querySelector(".badge").dataset.status"""
        return str(self.browser.run(script, store))

    def asked(self, path: str) -> int:
        """Return how often the page asked for a path."""
        script = "return performance.getEntriesByType('resource').filter((e) => e.name.includes(arguments[0])).length"
        return int(self.browser.run(script, path))
