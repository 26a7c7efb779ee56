"""A graph of a test's own on the running Neo4j: empties it, writes batches into it, reads all of it back."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.entities.extraction import MENTIONS
from helix_pipeline.domain.graph.claims import statement_deltas
from helix_pipeline.domain.graph.deltas import add_up
from helix_pipeline.domain.graph.messages import COLUMNS, MESSAGE, deltas, nodes
from helix_pipeline.domain.relationships.intervals import Statement
from helix_pipeline.settings import Settings
from helix_pipeline.stores import graph
from helix_pipeline.stores.graph_writer import Applied, apply

START = datetime(2026, 6, 1, tzinfo=UTC)
EVERYTHING = (
    "MATCH (n) WHERE NOT n:Ledger RETURN labels(n), properties(n) ORDER BY labels(n)[0], n.id",
    "MATCH (a)-[r]->(b) RETURN a.id, type(r), b.id, properties(r) ORDER BY a.id, type(r), b.id, r.key, r.valid_from",
)


class Contents:
    """The graph, and what is asked of it."""

    def __init__(self, settings: Settings) -> None:
        self.place = graph.open_graph(settings)
        self.driver = self.place.connect()
        self.empty()

    def empty(self) -> None:
        self.ask("MATCH (n) DETACH DELETE n")

    def ask(self, query: str, **values: Any) -> list[list[Any]]:
        records = self.driver.execute_query(query, values, database_=self.place.database).records
        return [record.values() for record in records]

    def apply(self, batch: int, *tables: pa.Table, query: str = "test") -> Applied:
        return apply(self.driver, self.place, query, batch, add_up(tables))

    def everything(self) -> list[list[list[Any]]]:
        return [self.ask(query) for query in EVERYTHING]


@contextmanager
def opened(settings: Settings) -> Iterator[Contents]:
    """Give an empty graph with its schema, and leave one: later tests share the server."""
    graph.ensure_schema(settings)
    found = Contents(settings)
    try:
        yield found
    finally:
        found.empty()
        found.driver.close()
        graph.ensure_schema(settings)


def mention(row: int, id: str, surface: str, name: str = "", subtype: str = "") -> dict[str, Any]:
    where = {"row": row, "start": 0, "end": len(surface), "surface": surface, "confidence": 1.0, "reason": "test"}
    return {**where, "entity_id": id, "entity_name": name or surface, "type": "TECH", "subtype": subtype}


def said(messages: Iterable[tuple[str, str, int]], mentions: Iterable[dict[str, Any]]) -> pa.Table:
    """What messages add: (conversation, user, seconds after START) each, with the entities that they name."""
    rows = [
        {"event_type": MESSAGE, "conversation_id": c, "user_id": u, "timestamp": START + timedelta(seconds=at)}
        for c, u, at in messages
    ]
    schema = pa.schema([event_schema(CONVERSATIONS).field(column) for column in COLUMNS])
    batch = pa.RecordBatch.from_pylist(rows, schema)
    return deltas(batch, nodes(pa.Table.from_pylist(list(mentions), MENTIONS)))


def hubs(seed: int, messages: int = 120, entities: int = 40) -> pa.Table:
    """Messages that name a few entities very often and others now and then, by several names."""
    draw = random.Random(seed)
    talk = [(f"c{draw.randrange(12)}", f"u{draw.randrange(9)}", draw.randrange(86_400)) for _ in range(messages)]
    named = []
    for row in range(messages):
        for _ in range(draw.randrange(5)):
            id = f"e{int(draw.paretovariate(0.6)) % entities}"
            surface, subtype = draw.choice([id, id.upper(), f"{id}s"]), draw.choice(["", "tool", "library"])
            named.append(mention(row, id, surface, draw.choice([id, id.title()]), subtype))
    return said(talk, named)


def claim(seed: int, key_space: int = 4) -> Statement:
    """A statement of few subjects and objects, so that they meet, repeat and close each other."""
    draw = random.Random(seed)
    subject = draw.choice(["user:u1", "user:u2", *(f"e{n}" for n in range(key_space))])
    relation = "prefers" if subject.startswith("user:") else draw.choice(["uses", "written_in", "depends_on"])
    object, kind = f"e{10 + draw.randrange(key_space)}", draw.choice(["tool", "language"])
    number = draw.randrange(40)
    at, learnt = number // 2, 100 + draw.randrange(5)
    sure = 0.5 + number % 3 / 4
    about = subject, relation, object, kind, draw.random() < 0.15, at, f"s{number}", learnt, sure
    return Statement(*about, "cue", "c", f"m{number}")


def claims(seeds: Iterable[int]) -> pa.Table:
    return statement_deltas(map(claim, seeds))
