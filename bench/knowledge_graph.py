"""A large graph for the benchmark of the knowledge API: made by chance of a seed, loaded by Neo4j's own importer.

What makes reading hard is as in real graphs: degrees follow a power law (the exponent of co-occurrences of words), most
relations stay within clusters, frequencies are heavy-tailed, and names share words, which are as frequent as words are.
"""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from helix_pipeline.domain.relationships.cues import RELATIONS
from helix_pipeline.local.neo4j import Neo4jServer
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import SCHEMA_VERSION

PER_ENTITY = 10
"""Relationships between entities, for each entity."""

STATED = 0.05
"""Share of the relationships that are stated; the others count co-occurrences."""

MENTIONS = 2
"""Conversations that an entity is mentioned in, on average, besides; a tenth as many conversations as entities."""

RANK_EXPONENT, RANK_OFFSET = 0.75, 3
"""The weight of the entity of rank r is (r + 3) ^ -0.75: a power law of degrees with exponent 2.33."""

CLUSTER = 250
"""Entities of a cluster on average, and `WITHIN` the share of the relationships that stay within one."""

WITHIN = 0.7
MESSAGES = 4
"""Messages that name an entity, for each relationship of it, at least: a message names several."""

FIRST_DAY = np.datetime64("2026-01-01", "h")
HOURS = 300 * 24
TYPES = ("TECH", "CONCEPT", "PERSON", "ORGANIZATION", "LOCATION", "PRODUCT", "EVENT")
TYPE_SHARES = (0.3, 0.2, 0.2, 0.1, 0.08, 0.08, 0.04)
SYLLABLES = ("ka", "lo", "mi", "ver", "dra", "sto", "na", "phi", "qu", "ter", "bel", "gor", "zan", "tu", "re", "sil")
WORDS = 60_000
MEMORY = "1g"
"""Of the importer: heap, and as much beside it."""

Ints = NDArray[np.int64]


def generate(folder: Path, entities: int, seed: int = 0) -> None:
    """Write the files that `load` imports: Entity, Conversation, and the relationships between them."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    ends = _Ends(chance, entities)
    pairs, frequency = _pairs(chance, ends, round(entities * PER_ENTITY * (1 - STATED)))
    named = np.bincount(pairs.ravel(), np.repeat(frequency, 2), entities).astype(np.int64) // MESSAGES
    most = np.zeros(entities, np.int64)
    np.maximum.at(most, pairs.ravel(), np.repeat(frequency, 2))
    messages = np.maximum(named, most) + chance.geometric(0.5, entities)
    ids = pa.array(np.char.add("tech:e", np.arange(entities).astype(str)))
    _write(folder / "entities.csv", _entities(chance, ids, messages))
    _write(folder / "together.csv", _together(chance, ids, pairs, frequency))
    _write(folder / "stated.csv", _stated(chance, ids, ends.draw(round(entities * PER_ENTITY * STATED))))
    conversations = pa.array(np.char.add("conversation-", np.arange(max(entities // 10, 1)).astype(str)))
    _write(folder / "conversations.csv", pa.table({"id:ID(Conversation)": conversations}))
    _write(folder / "mentioned.csv", _mentioned(chance, ids, conversations, messages))
    whole = {"id:ID(Graph)": ["graph"], "schema:long": [SCHEMA_VERSION], "messages:long": [int(messages.sum() // 3)]}
    _write(folder / "graph.csv", pa.table(whole))


def load(settings: Settings, folder: Path) -> None:
    """Import the files of a folder into the local Neo4j, which must be empty and not run yet."""
    server = Neo4jServer(settings)
    server.folder.mkdir(parents=True, exist_ok=True)
    server.prepare(lambda doing: None)
    java = server.jvm([f"-Xmx{MEMORY}"])
    command = [*java, "org.neo4j.cli.AdminTool", "database", "import", "full", settings.neo4j.database]
    for label, name in (("Entity", "entities"), ("Conversation", "conversations"), ("Graph", "graph")):
        command.append(f"--nodes={label}={folder / name}.csv")
    for kind, name in (("CO_OCCURS_WITH", "together"), ("RELATED_TO", "stated"), ("MENTIONED_IN", "mentioned")):
        command.append(f"--relationships={kind}={folder / name}.csv")
    command += [
        f"--report-file={folder / 'import.report'}",
        "--overwrite-destination=true",
        f"--max-off-heap-memory={MEMORY}",
        "--threads=2",
    ]
    places = {"NEO4J_HOME": str(server.folder), "NEO4J_CONF": str(server.folder / "conf")}
    subprocess.run(command, env=places, check=True, stdout=subprocess.DEVNULL, timeout=3600)


class _Ends:
    """Draws pairs of entities: by the power law, mostly of one cluster."""

    def __init__(self, chance: np.random.Generator, entities: int) -> None:
        self._chance = chance
        weights = (np.arange(entities) + RANK_OFFSET) ** -RANK_EXPONENT
        self._all = np.cumsum(weights / weights.sum())
        cluster = chance.integers(0, max(entities // CLUSTER, 1), entities)
        self._members = np.argsort(cluster, kind="stable")
        starts = np.searchsorted(cluster[self._members], np.arange(cluster.max() + 2))
        self._first, self._last = starts[cluster], starts[cluster + 1]
        self._within = np.concatenate([[0.0], np.cumsum(weights[self._members])])

    def draw(self, count: int) -> Ints:
        """Return pairs of different entities, int64[about count, 2]."""
        first = np.minimum(np.searchsorted(self._all, self._chance.random(count)), len(self._all) - 1)
        other = np.minimum(np.searchsorted(self._all, self._chance.random(count)), len(self._all) - 1)
        near = self._chance.random(count) < WITHIN
        low, high = self._within[self._first[first]], self._within[self._last[first]]
        place = np.searchsorted(self._within, low + self._chance.random(count) * (high - low), side="right") - 1
        second = np.where(near, self._members[np.minimum(place, len(self._members) - 1)], other)
        return np.stack([first, second], axis=1)[first != second]


def _pairs(chance: np.random.Generator, ends: _Ends, count: int) -> tuple[Ints, Ints]:
    """Return so many different pairs, int64[count, 2], and how often each occurs."""
    found = np.empty((0, 2), np.int64)
    while len(found) < count:
        drawn = np.sort(np.concatenate([found, ends.draw(count - len(found) + count // 10)]), axis=1)
        found = np.unique(drawn, axis=0)
    found = found[np.sort(chance.choice(len(found), count, replace=False))]
    return found, np.minimum(chance.zipf(2.0, count), 10_000)


def _entities(chance: np.random.Generator, ids: pa.Array, messages: Ints) -> pa.Table:
    kinds = chance.choice(len(TYPES), len(ids), p=TYPE_SHARES)
    seen = np.sort(chance.integers(0, HOURS, (len(ids), 2)), axis=1)
    columns: dict[str, Any] = {
        "id:ID(Entity)": ids,
        "name": _names(chance, len(ids)),
        "type": pa.array(np.array(TYPES)[kinds]),
        "subtype": pa.array(np.array(["tool", "", "", "company", "city", "device", ""])[kinds]),
        "mentions:long": pa.array(messages + messages // 3),
        "messages:long": pa.array(messages),
        "first_seen:datetime": _instants(seen[:, 0]),
        "last_seen:datetime": _instants(seen[:, 1]),
        "aliases:string[]": _aliases(chance, len(ids)),
        "community:long": pa.array(chance.integers(0, max(len(ids) // CLUSTER, 1), len(ids))),
    }
    return pa.table(columns)


def _together(chance: np.random.Generator, ids: pa.Array, pairs: Ints, frequency: Ints) -> pa.Table:
    seen = np.sort(chance.integers(0, HOURS, (len(pairs), 2)), axis=1)
    return pa.table(
        {
            ":START_ID(Entity)": ids.take(pa.array(pairs[:, 0])),
            ":END_ID(Entity)": ids.take(pa.array(pairs[:, 1])),
            "frequency:long": pa.array(frequency),
            "first:datetime": _instants(seen[:, 0]),
            "last:datetime": _instants(seen[:, 1]),
        }
    )


def _stated(chance: np.random.Generator, ids: pa.Array, pairs: Ints) -> pa.Table:
    count = len(pairs)
    since, places = chance.integers(0, HOURS, count), chance.integers(0, max(len(ids) // 10, 1), count).astype(str)
    ended = chance.random(count) < 0.1
    at = (FIRST_DAY + since).astype("datetime64[ms]").astype(np.int64).astype(str)
    messages = chance.integers(0, 1000, count).astype(str)
    evidence = (
        "[" + at.astype(object) + ', "conversation-' + places.astype(object) + '", "m' + messages.astype(object) + '"]'
    )
    until = pc.if_else(pa.array(ended), _instants(since + 24), pa.scalar(None, pa.string()))
    return pa.table(
        {
            ":START_ID(Entity)": ids.take(pa.array(pairs[:, 0])),
            ":END_ID(Entity)": ids.take(pa.array(pairs[:, 1])),
            "type": pa.array(np.array(RELATIONS)[chance.integers(0, len(RELATIONS), count)]),
            "confidence:double": pa.array(chance.uniform(0.5, 1, count).round(3)),
            "statements:long": pa.array(chance.geometric(0.6, count)),
            "valid_from:datetime": _instants(since),
            "valid_to:datetime": until,
            "learnt_at:datetime": _instants(since),
            "last_stated:datetime": _instants(since),
            "evidence:string[]": pa.array(evidence, pa.string()),
        }
    )


def _mentioned(chance: np.random.Generator, ids: pa.Array, conversations: pa.Array, messages: Ints) -> pa.Table:
    count = MENTIONS * len(ids)
    who = np.sort(chance.choice(len(ids), count, p=messages / messages.sum()))
    pairs = np.unique(np.stack([who, chance.integers(0, len(conversations), count)], axis=1), axis=0)
    seen = chance.integers(0, HOURS, len(pairs))
    return pa.table(
        {
            ":START_ID(Entity)": ids.take(pa.array(pairs[:, 0])),
            ":END_ID(Conversation)": conversations.take(pa.array(pairs[:, 1])),
            "count:long": pa.array(chance.geometric(0.5, len(pairs))),
            "first:datetime": _instants(seen),
            "last:datetime": _instants(seen),
        }
    )


def _names(chance: np.random.Generator, count: int) -> pa.Array:
    """Return names of one to three words; the words are syllables, and as frequent as words are."""
    syllables = np.array(SYLLABLES)
    spoken = (syllables[chance.integers(0, len(syllables), chance.integers(2, 5))] for _ in range(WORDS))
    words = np.unique(["".join(word) for word in spoken])
    chance.shuffle(words)
    words = np.char.capitalize(words)
    weights = (np.arange(len(words)) + 10.0) ** -0.9
    chosen = words[chance.choice(len(words), (count, 3), p=weights / weights.sum())]
    parts = [pa.array(chosen[:, place]) for place in range(3)]
    size = chance.choice(3, count, p=(0.25, 0.5, 0.25))
    two = pc.binary_join_element_wise(parts[0], parts[1], " ")
    three = pc.binary_join_element_wise(parts[0], parts[1], parts[2], "-")
    return pc.choose(pa.array(size), parts[0], two, three)


def _aliases(chance: np.random.Generator, count: int) -> pa.Array:
    names = _names(chance, count)
    lower = pc.utf8_lower(names)
    return pc.if_else(pa.array(chance.random(count) < 0.3), pc.binary_join_element_wise(names, lower, ";"), "")


def _instants(hours: Ints) -> pa.Array:
    every = np.datetime_as_string(FIRST_DAY + np.arange(HOURS + 48), unit="s")
    return pa.array(np.char.add(every, "Z")).take(pa.array(hours))


def _write(path: Path, table: pa.Table) -> None:
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))
