"""Prometheus as it is packaged, with the committed configuration; tests are skipped where it is not installed."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from ports import free_ports

CONFIGURED = Path(__file__).parents[1] / "docker" / "prometheus"
WAIT_S = 60


def tool(name: str) -> str:
    """Return the path of `prometheus` or `promtool`."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} (Debian: apt install prometheus)")
    return found


class Prometheus:
    """A server, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        assert answer.status_code == 200, f"{parameters}: {answer.json()['error']}"
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the newest value of each series of an expression."""
        return list(self.ask("query", query=expression)["result"])

    def metrics(self) -> set[str]:
        """Return the names of all metrics that were scraped, and of those that Prometheus makes."""
        return {*self.ask("label/__name__/values"), "ALERTS"}

    def labels(self, metric: str) -> dict[str, set[str]]:
        """Return the labels of a metric with their values."""
        found: dict[str, set[str]] = {}
        for series in self.ask("series", **{"match[]": metric}):
            for name, value in series.items():
                found.setdefault(name, set()).add(value)
        return found

    def ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/-/ready", timeout=2).is_success
        return False


@contextmanager
def scraping(folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus until it has scraped every metric of the project often enough for rates."""
    with exporter(folder) as port:
        targets = {"helix-api": port, "helix-streams": port, "pushgateway": port}
        with prometheus(folder, targets) as found:
            until(lambda: found.query("rate(helixagent_stream_rows_total[1m]) > 0"), "two scrapes")
            yield found


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, int]) -> Iterator[Prometheus]:
    """Run Prometheus with the committed configuration, but for the port of each job's target and the interval."""
    binary, (port,) = tool("prometheus"), free_ports(1)
    changed = yaml.safe_load((CONFIGURED / "prometheus.yml").read_text())
    changed["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    changed["rule_files"] = [str(CONFIGURED / name) for name in changed["rule_files"]]
    for job in changed["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{targets[job['job_name']]}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(changed))
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--log.level=warn"]
    with running([binary, *flags, f"--web.listen-address=127.0.0.1:{port}"], folder / "prometheus.log"):
        server = Prometheus(f"http://127.0.0.1:{port}")
        until(server.ready, "Prometheus")
        yield server


@contextmanager
def exporter(folder: Path) -> Iterator[int]:
    """Run a process that exports every metric of the project; returns its port."""
    (port,) = free_ports(1)
    script = Path(__file__).with_name("exported_metrics.py")
    with running([sys.executable, str(script), str(port)], folder / "exporter.log"):
        yield port


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    """Run a process for a block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def metrics_in(expression: str) -> set[str]:
    """Return the metrics that an expression names."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:helixagent_\w+|process_\w+|up|ALERTS)\b", bare))


def until(reached: Any, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not reached():
        assert time.monotonic() < deadline, f"waited {WAIT_S} s for {what}"
        time.sleep(0.2)
