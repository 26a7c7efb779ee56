"""Kills parts of a running installation at random moments of a load, then asks `verify` whether the stores agree.

Each crash point is repeated on the same installation, with new events in each round; after the last
round the streams run until they have caught up and every store is compared with Kafka, counters included. Ends with 1
when anything is missing, duplicate or extra. Writes bench/results/chaos.json.
"""

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from harness import RESULTS, START, console, corpus, installation, messages, publish
from stream_process import Stream, kill

from helix_pipeline.contracts.events import Event
from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.contracts.topics import CONVERSATIONS, topic_of
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.local import servers
from helix_pipeline.services.verify import StoreCheck, verify
from helix_pipeline.settings import Settings
from helix_pipeline.spark.queries import QUERIES
from helix_pipeline.stores.bus import EventProducer

EVENTS_PER_ROUND = 6_000
STATED_PER_ROUND = 200
OFFSETS_PER_TRIGGER = 1_500
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


def started(settings: Settings, until_caught_up: bool = False) -> Stream:
    """Start the streams with small batches, so that many of them are killed."""
    return Stream(settings, until_caught_up, HELIX_MAX_OFFSETS_PER_TRIGGER=str(OFFSETS_PER_TRIGGER))


def crash_spark(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
    """Kill -9 Spark somewhere between its batches."""
    for _ in range(rounds):
        load.publish()
        stream = started(settings)
        stream.wait_for_batches()
        time.sleep(chance.uniform(0, 2.5))
        stream.kill()


def replay_last_batch(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
    """Forget the last commit of each checkpoint, so that Spark runs the batch again."""
    for _ in range(rounds):
        load.publish()
        started(settings, until_caught_up=True).finish()
        for query in QUERIES:
            commits = Path(settings.checkpoint_root) / query.name / "commits"
            last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
            (commits / str(last)).unlink()
            (commits / f".{last}.crc").unlink(missing_ok=True)


def crash_server(name: str) -> Action:
    """Return a crash point: kill -9 a server while the streams run, and start it again."""

    def crash(settings: Settings, load: Load, chance: random.Random, rounds: int) -> None:
        stream = started(settings)
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
        stream = started(settings)
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
    started(settings, until_caught_up=True).finish()
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
