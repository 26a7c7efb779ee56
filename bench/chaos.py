"""Kills parts of a running installation at random moments of a load, then asks `verify` whether the stores agree.

Each crash point is repeated on the same installation, with new events in each round; after the last
round the streams run until they have caught up and every store is compared with Kafka, counters included. Ends with 1
when anything is missing, duplicate or extra. Writes bench/results/chaos.json.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import psutil
from harness import RESULTS, START, console, corpus, installation, messages, publish
from ports import PORT_KEYS

from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.contracts.topics import CONVERSATIONS, topic_of
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.local import servers
from helix_pipeline.services.progress import read_progress
from helix_pipeline.services.verify import StoreCheck, verify
from helix_pipeline.settings import ENVIRONMENT, Settings
from helix_pipeline.spark.queries import QUERIES
from helix_pipeline.stores.bus import EventProducer

EVENTS_PER_ROUND = 6_000
STATED_PER_ROUND = 200
OFFSETS_PER_TRIGGER = 1_500
START_TIMEOUT_S = 180
CATCH_UP_TIMEOUT_S = 480
Action = Callable[[Settings, "Load", random.Random, int], None]
CRASH_POINTS = ("spark", "replay", "clickhouse", "neo4j", "kafka", "everything")


class Load:
    """Publishes new events for each round: messages, debates, provider calls and knowledge."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._round, self._corpus = settings, 0, corpus()

    def publish(self) -> None:
        """Publish the events of one round; returns when Kafka has acknowledged them."""
        self._round += 1
        producer = EventProducer(self._settings)
        load = messages(self._corpus, f"round{self._round}", lambda number: START + timedelta(seconds=number))
        for event in islice(load, EVENTS_PER_ROUND):
            producer.publish(CONVERSATIONS.name, event.key, event.model_dump_json(exclude_none=True).encode())
        for event in generate(seed=self._round, conversations=5, debates=5, provider_calls=200):
            value = event.model_copy(update={"event_id": f"{self._round}/{event.event_id}"}).model_dump_json()
            producer.publish(topic_of(event).name, event.key, value.encode())
        for event in self._stated():
            producer.publish(topic_of(event).name, event.key, event.model_dump_json(exclude_none=True).encode())
        producer.publish(CONVERSATIONS.name, "broken", b"{broken %d" % self._round)
        producer.flush(60)

    def _stated(self) -> Iterator[Event]:
        """Yield entities and relationships of a round; each value closes the one before."""
        for number in range(STATED_PER_ROUND):
            about = {"timestamp": START + timedelta(seconds=number), "entity_id": f"tech:service-{number % 20}"}
            name = f"{self._round}/{number}"
            yield EntityStated(event_id=f"{name}/entity", name=f"Service {number % 20}", type="TECH", **about)
            written = {"relation": "written_in", "object_id": f"tech:language-{number % 7}"}
            yield RelationshipStated(event_id=f"{name}/relation", **written, **about)


class Stream:
    """`helix stream` as a process of its own."""

    def __init__(self, settings: Settings, until_caught_up: bool = False) -> None:
        self._settings, self.started = settings, time.time()
        arguments = ["stream", "--json", *(["--until-caught-up"] if until_caught_up else [])]
        log = (settings.home / "logs" / "stream.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "helix_pipeline.cli", *arguments],
            env=environment(settings),
            stdout=log,
            stderr=log,
        )

    def wait_for_batches(self) -> None:
        """Return as soon as any query has finished a batch since the start."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            states = [s for s in read_progress(self._settings) if s.get("batch") is not None]
            if any(s["updated_at"] > self.started and s["pid"] in self.family() for s in states):
                return
            if self.process.poll() is not None:
                raise SystemExit(f"helix stream ended with {self.process.returncode}; see {self._settings.home}/logs")
            time.sleep(0.05)
        raise SystemExit(f"no batch within {START_TIMEOUT_S} s; see {self._settings.home}/logs/stream.log")

    def family(self) -> list[int]:
        """Return the pids of the process and all its children."""
        try:
            root = psutil.Process(self.process.pid)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Kill -9 the driver, its JVM and the Python workers."""
        for pid in self.family():
            kill(pid)
        self.process.wait(30)

    def stop(self) -> None:
        """Ask the process to end and wait for it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def finish(self) -> None:
        """Wait until the process has caught up."""
        if self.process.wait(CATCH_UP_TIMEOUT_S):
            raise SystemExit(f"helix stream ended with {self.process.returncode}; see its log")


def kill(pid: int | None) -> None:
    """Kill -9 a process that may be gone already."""
    if pid is not None:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # a server is this process's child: PostgreSQL takes a zombie for a running server


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a child process these settings."""
    names = {key: name for name, key in ENVIRONMENT.items()}
    ports = {names[key]: str(attrgetter(key)(settings)) for key in PORT_KEYS}
    extra = {"HELIX_HOME": str(settings.home), "HELIX_METRICS_PORT": "0"}
    offsets = {"HELIX_MAX_OFFSETS_PER_TRIGGER": str(OFFSETS_PER_TRIGGER)}
    return {**os.environ, **ports, **extra, **offsets}


def crash_spark(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
    """Kill -9 Spark somewhere between its batches."""
    for _ in range(rounds):
        load.publish()
        stream = Stream(settings)
        stream.wait_for_batches()
        time.sleep(chance.uniform(0, 2.5))
        stream.kill()


def replay_last_batch(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
    """Forget the last commit of each checkpoint, so that Spark runs the batch again."""
    for _ in range(rounds):
        load.publish()
        Stream(settings, until_caught_up=True).finish()
        for query in QUERIES:
            commits = Path(settings.checkpoint_root) / query.name / "commits"
            last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
            (commits / str(last)).unlink()
            (commits / f".{last}.crc").unlink(missing_ok=True)


def crash_server(name: str) -> Action:
    """Return a crash point: kill -9 a server while the streams run, and start it again."""

    def crash(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
        stream = Stream(settings)
        for _ in range(rounds):
            load.publish()
            stream.wait_for_batches()
            time.sleep(chance.uniform(0, 1.5))
            for server in servers.status(settings, [name]):
                kill(server.pid)
            time.sleep(chance.uniform(0, 3))
            servers.up(settings, [name])
            time.sleep(chance.uniform(0, 4))
        stream.stop()

    return crash


def crash_everything(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
    """Kill -9 Spark and every server at once."""
    for _ in range(rounds):
        load.publish()
        stream = Stream(settings)
        stream.wait_for_batches()
        time.sleep(chance.uniform(0, 2.5))
        for pid in [*stream.family(), *(server.pid for server in servers.status(settings))]:
            kill(pid)
        stream.process.wait(30)
        servers.up(settings)


ACTIONS: dict[str, Action] = {
    "spark": crash_spark,
    "replay": replay_last_batch,
    "clickhouse": crash_server("clickhouse"),
    "neo4j": crash_server("neo4j"),
    "kafka": crash_server("kafka"),
    "everything": crash_everything,
}


def run_point(settings: Settings, load: Load, point: str, rounds: int, chance: random.Random) -> list[dict[str, Any]]:
    """Repeat a crash point, catch up, compare; return a row per store."""
    began = time.monotonic()
    console.print(f"{point}: {rounds} rounds")
    ACTIONS[point](settings, load, chance, rounds)
    Stream(settings, until_caught_up=True).finish()
    report = verify(settings, lambda step, total=None: lambda rows: None)
    if not report.ok:
        console.print_json(json.dumps(report.as_dict(), default=str))
    seconds = round(time.monotonic() - began, 1)
    return [
        {"crash point": point, "rounds": rounds, "store": store, **totals(checks), "seconds": seconds}
        for store, checks in by_store(report.stores).items()
    ]


def by_store(checks: Iterable[StoreCheck]) -> dict[str, list[StoreCheck]]:
    """Group the checks of a verification by store."""
    found: dict[str, list[StoreCheck]] = {}
    for check in checks:
        found.setdefault(check.store, []).append(check)
    return found


def totals(checks: list[StoreCheck]) -> dict[str, int]:
    """Add up what the checks of a store found."""
    names = ("expected", "missing", "duplicate", "extra")
    return {name: sum(getattr(check, name) for check in checks) for name in names}


def main() -> None:
    """Run the crash points."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="kills of Spark; the other points take a quarter")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("points", nargs="*", default=CRASH_POINTS, help=f"of {', '.join(CRASH_POINTS)}")
    options = parser.parse_args()
    chance, rows = random.Random(options.seed), []
    with installation() as settings:
        load = Load(settings)
        try:
            for point in options.points:
                rounds = options.rounds if point == "spark" else max(1, options.rounds // 4)
                rows += run_point(settings, load, point, rounds, chance)
        except SystemExit:
            RESULTS.mkdir(exist_ok=True)
            shutil.copy(settings.home / "logs" / "stream.log", RESULTS / "chaos-stream.log")
            raise
    publish("chaos", rows, seed=options.seed)
    if any(row["missing"] or row["duplicate"] or row["extra"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
