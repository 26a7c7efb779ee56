"""How fast the knowledge API answers on a graph of 1,000,000 entities and 10,000,000 relationships, in a real Neo4j.

One client asks a warm `helix api` over HTTP, one question after the other, once Neo4j has read all of it into its
cache. Entities are drawn uniformly, and by degree: then nearly half of the questions are about the thousand or so hubs.
`--keep DIR` keeps the loaded graph, or uses the one that is there; the hubs are noted as a refresh does it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import httpx
import numpy as np
import psutil
from harness import console, publish
from knowledge_graph import PER_ENTITY, RANK_EXPONENT, RANK_OFFSET, generate, load
from ports import free_ports

from helix_pipeline.local import servers
from helix_pipeline.settings import Settings
from helix_pipeline.settings import load as load_settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.stores.graph import driver, ensure_schema, open_graph
from helix_pipeline.stores.graph_hubs import note_strongest

AIMS_MS = {"related, depth 1": 25, "related, depth 2": 100, "search": 50}
HEAP_MB, PAGECACHE_MB = 2048, 2560
INDEX_S = 3600.0
COLD_S = 1.0

EVERYTHING: tuple[LiteralString, ...] = (
    "MATCH (n) RETURN count(n.name), count(n.aliases), count(n.strongest)",
    "MATCH ()-[r]->() RETURN count(r.frequency), count(r.last), count(r.evidence), count(r.count)",
)

Question = tuple[str, str, dict[str, Any]]
"""Method, path, and the arguments of the request."""


def main() -> None:
    """Load the graph, unless it is there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=1_000, help="of each kind, after as many to warm up")
    parser.add_argument("--keep", type=Path, help="folder of the loaded graph, made where it is not there")
    parser.add_argument("--cold", action="store_true", help="ask at once: Neo4j reads the disk as questions need it")
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="helix-bench-"))
    try:
        with neo4j(folder, asked.entities) as settings, api(settings) as client:
            if not asked.cold:
                read_all(settings)
            rows = [measured(client, name, kind, asked.questions) for name, kind in kinds(settings, asked.entities)]
        publish("knowledge", rows, entities=asked.entities, relationships=asked.entities * PER_ENTITY, load=load_of())
    finally:
        if asked.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def neo4j(folder: Path, entities: int) -> Iterator[Settings]:
    """Run a Neo4j with the graph on ports of its own."""
    ports = dict(zip(("neo4j.port", "neo4j.http_port", "api.port", "postgres.port"), free_ports(4), strict=True))
    memory = {"neo4j.heap_mb": HEAP_MB, "neo4j.pagecache_mb": PAGECACHE_MB}
    settings = load_settings(environ={}, flags={"home": str(folder), "streams.metrics_port": 0, **ports, **memory})
    loaded = folder / f"loaded-{entities}"
    if not loaded.exists():
        with console.status(f"making {entities:,} entities"):
            generate(folder / "csv", entities)
        with console.status(f"importing {entities * PER_ENTITY:,} relationships"):
            load(settings, folder / "csv")
    try:
        servers.up(settings, ["neo4j"])
        if not loaded.exists():
            prepared(settings)
            loaded.touch()
        yield settings
    finally:
        servers.down(settings)


def prepared(settings: Settings) -> None:
    """Make constraints and indexes, and note the hubs."""
    graph = open_graph(settings)
    with console.status("indexes, then hubs"), driver(graph) as connection:
        ensure_schema(settings)
        with connection.session(database=graph.database) as session:
            session.run("CALL db.awaitIndexes($seconds)", seconds=int(INDEX_S)).consume()
        note_strongest(connection, graph, datetime.now(UTC))


def read_all(settings: Settings) -> None:
    """Let Neo4j read every node and relationship once: a question on a cold store waits for the disk."""
    graph = open_graph(settings)
    with console.status("reading all of it"), driver(graph) as connection:
        for query in EVERYTHING:
            connection.execute_query(query, database_=graph.database)


@contextmanager
def api(settings: Settings) -> Iterator[httpx.Client]:
    """Run `helix api` and lend a client of it."""
    path = settings.home / "settings.yaml"
    write(settings, path)
    with (settings.home / "api.log").open("ab") as log:
        command = [sys.executable, "-m", "helix_pipeline.cli", "api"]
        process = subprocess.Popen(command, env={**os.environ, **variables(settings, path)}, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{settings.api.port}", timeout=60) as client:
            await_answer(client)
            yield client
    finally:
        process.terminate()
        process.wait(60)


def await_answer(client: httpx.Client, limit_s: float = 60) -> None:
    """Wait until the API answers."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            client.get("/livez")
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def kinds(settings: Settings, entities: int) -> Iterator[tuple[str, Callable[[], Question]]]:
    """Yield what is measured: a name, and what draws a question."""
    chance = np.random.default_rng(7)
    weights = (np.arange(entities) + RANK_OFFSET) ** -RANK_EXPONENT
    cumulated = np.cumsum(weights / weights.sum())
    names = some_names(settings, chance, entities)

    def uniform() -> str:
        return f"tech:e{chance.integers(entities)}"

    def by_degree() -> str:
        return f"tech:e{min(np.searchsorted(cumulated, chance.random()), entities - 1)}"

    def name() -> str:
        return str(names[chance.integers(len(names))])

    for depth in (1, 2):
        for how, draw in (("uniform", uniform), ("by degree", by_degree)):
            yield f"related, depth {depth}, {how}", lambda d=draw, n=depth: related(d(), n)
    yield "search, whole names", lambda: search(name())
    yield "search, prefixes", lambda: search(prefix(name(), chance))
    yield "search, typing errors", lambda: search(misspelt(name(), chance))
    yield "path, uniform", lambda: path(uniform(), uniform())
    yield "path, by degree", lambda: path(by_degree(), by_degree())


def related(entity: str, depth: int) -> Question:
    """Ask what is related to an entity."""
    return "GET", f"/v1/knowledge/related/{entity}", {"params": {"depth": depth}}


def search(query: str) -> Question:
    """Ask for entities by name."""
    return "POST", "/v1/knowledge/search", {"json": {"query": query}}


def path(source: str, target: str) -> Question:
    """Ask for the way between two entities."""
    return "GET", "/v1/knowledge/path", {"params": {"from": source, "to": target}}


def some_names(settings: Settings, chance: np.random.Generator, entities: int) -> list[str]:
    """Return the names of a thousand entities."""
    ids = [f"tech:e{number}" for number in chance.integers(0, entities, 1000).tolist()]
    graph = open_graph(settings)
    query = "UNWIND $ids AS id MATCH (e:Entity {id: id}) RETURN e.name AS name"
    with driver(graph) as connection, connection.session(database=graph.database) as session:
        return [record["name"] for record in session.run(query, ids=ids)]


def prefix(name: str, chance: np.random.Generator) -> str:
    """Return a name as it is while it is typed: two letters or more."""
    return name[: int(chance.integers(2, max(len(name), 3)))].rstrip(" -")


def misspelt(name: str, chance: np.random.Generator) -> str:
    """Return a name with two neighbouring letters exchanged."""
    place = int(chance.integers(0, len(name) - 1))
    return name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def measured(client: httpx.Client, name: str, draw: Callable[[], Question], questions: int) -> dict[str, Any]:
    """Return how long questions of one kind take, in milliseconds."""
    took, unanswered, asked = [], 0, -questions
    with console.status(name):
        while asked < questions:
            method, place, arguments = draw()
            begin = time.perf_counter()
            answer = client.request(method, place, **arguments)
            assert answer.status_code in (200, 404, 503), answer.text
            if answer.status_code == 503 and asked < 0:
                time.sleep(COLD_S)  # the server is cold: it has planned no such query yet
                continue
            if asked >= 0:
                took.append((time.perf_counter() - begin) * 1000)
                unanswered += answer.status_code == 503
            asked += 1
    p50, p99 = np.percentile(took, [50, 99]).tolist()
    aim = next((aim for kind, aim in AIMS_MS.items() if name.startswith(kind)), "")
    figures = {"p50 ms": round(p50, 1), "p99 ms": round(p99, 1), "longest ms": round(max(took), 1)}
    return {"question": name, "asked": len(took), **figures, "aim p99 ms": aim, "not in time": unanswered}


def load_of() -> float:
    """Return how many processes wanted to run in the last five minutes, on average: ours are about two."""
    return round(psutil.getloadavg()[1], 1)


if __name__ == "__main__":
    main()
