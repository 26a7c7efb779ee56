"""Writing into a real graph: the same whatever the order, the cuts and the restarts, and without deadlocks."""

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from graph_contents import START, Contents, claim, claims, hubs, mention, opened, said

from helix_pipeline.domain.graph.claims import is_user, key_of, name_of
from helix_pipeline.domain.graph.deltas import BUCKETS, add_up
from helix_pipeline.domain.graph.labels import LONGEST_NAME
from helix_pipeline.domain.relationships.intervals import Interval, intervals
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import SCHEMA_VERSION, ensure_schema

pytestmark = pytest.mark.servers

WRITERS = 4
ROUNDS = 8


@pytest.fixture
def contents(settings: Settings) -> Iterator[Contents]:
    with opened(settings) as found:
        yield found


def of(buckets: set[int], deltas: pa.Table) -> pa.Table:
    return deltas.filter(pc.is_in(deltas["bucket"], pa.array(list(buckets), pa.int32())))


def test_a_batch_again_and_parts_of_it_before_change_nothing(contents):
    batches = [add_up([hubs(seed, 60), claims(range(seed * 30, seed * 30 + 30))]) for seed in range(3)]
    for number, batch in enumerate(batches):
        assert contents.apply(number, batch).deltas == batch.num_rows
    once = contents.everything()
    contents.empty()
    for number, batch in enumerate(batches):
        contents.apply(number, of({0, 3, 5}, batch))
        contents.apply(number, batch)
        assert contents.apply(number, batch).deltas == 0
    assert contents.everything() == once


def test_order_and_cuts_of_batches_change_nothing(contents):
    parts = [hubs(seed, 40) for seed in range(8)] + [claims(range(n, n + 40)) for n in range(0, 200, 40)]
    contents.apply(0, *parts)
    whole = contents.everything()
    for seed in range(3):
        contents.empty()
        draw = random.Random(seed)
        shuffled = draw.sample(parts, len(parts))
        cuts = sorted(draw.sample(range(1, len(parts)), 3 + seed))
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(parts)], strict=True)):
            contents.apply(number, *shuffled[start:end])
        assert contents.everything() == whole


def related(contents: Contents) -> list[dict]:
    query = "MATCH (s)-[r:RELATED_TO]->(o:Entity) RETURN s.id, o.id, properties(r)"
    return sorted(
        ({**held, "subject": s, "object": o} for s, o, held in contents.ask(query)),
        key=lambda r: (r["key"], r["valid_from"], r["object"]),
    )


def kept(found: Interval) -> dict[str, Any]:
    """Return the properties of an interval's relationship."""
    times = ("valid_from", "valid_to", "learnt_at", "closed_at", "last_stated")
    told = {name: at for name in times if (at := getattr(found, name)) is not None}
    instants = {name: datetime.fromtimestamp(at / 1000, UTC) for name, at in told.items()}
    figures = {"type": found.relation, "confidence": found.confidence, "statements": found.statements}
    closed, *stated = [one and json.dumps(one, separators=(",", ":")) for one in (found.closed_by, *found.evidence)]
    return {**instants, **figures, "closed_by": closed, "evidence": stated}


def test_relationships_are_the_intervals_of_all_statements(contents):
    """Late, repeated and closing statements of users and entities, one batch after the other."""
    given = [claim(seed) for seed in range(300)]
    wanted = []
    for key in {key_of(one) for one in given}:
        for found in intervals(one for one in given if key_of(one) == key):
            about = {"key": key, "subject": name_of(found.subject_id), "object": found.object_id}
            wanted.append({**kept(found), **about})
    for batch in range(30):
        contents.apply(batch, claims(range(batch * 10, batch * 10 + 10)), claims(range(batch)))
    held = related(contents)
    assert any("closed_by" in one for one in held) and any("closed_by" not in one for one in held)
    assert held == sorted(
        ({k: v for k, v in one.items() if v is not None} for one in wanted),
        key=lambda r: (r["key"], r["valid_from"], r["object"]),
    )
    users = {name_of(one.subject_id) for one in given if is_user(one.subject_id)}
    assert {id for (id,) in contents.ask("MATCH (u:User) RETURN u.id")} == users


def test_several_writers_and_both_streams_at_once_never_deadlock(contents):
    """Hubs in nearly every batch: no transaction is refused, and the graph is that of one writer."""
    batches = [add_up([hubs(seed), claims(range(seed * 40, seed * 40 + 40))]) for seed in range(ROUNDS)]
    stated = [add_up([claims(range(500 + n * 20, 520 + n * 20)), hubs(90 + n, 40)]) for n in range(ROUNDS)]
    for number in range(ROUNDS):
        contents.apply(number, batches[number])
        contents.apply(number, stated[number], query="knowledge")
    alone = contents.everything()
    contents.empty()
    retries, failed = [], []

    def work(query: str, buckets: set[int], deltas: list[pa.Table]) -> None:
        try:
            for number, batch in enumerate(deltas):
                for bucket in sorted(buckets):
                    retries.append(contents.apply(number, of({bucket}, batch), query=query).retries)
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    shares = [set(range(writer, BUCKETS, WRITERS)) for writer in range(WRITERS)]
    threads = [threading.Thread(target=work, args=("test", share, batches)) for share in shares]
    threads.append(threading.Thread(target=work, args=("knowledge", set(range(BUCKETS)), stated)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not failed
    assert len(retries) == 2 * BUCKETS * ROUNDS
    assert sum(retries) == 0
    assert contents.everything() == alone


NAMES = [
    "O'Reilly \"quoted\" \\ back\\'slash",
    "x'}) DETACH DELETE n //",
    "`); MATCH (n) DETACH DELETE n; //",
    "$rows {id: 1} \\u0027",
    "tab\tand\nnew\r\nlines",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea e\u0301",
    "\ufdfa" * LONGEST_NAME,
    "\U0001f600" * LONGEST_NAME,
]


def test_names_are_values_whatever_they_hold(contents):
    named = [mention(row, f"tech:{name}", name) for row, name in enumerate(NAMES)]
    talk = [(name, name, row) for row, name in enumerate(NAMES)]
    for number in range(2):
        contents.apply(number, said(talk, named))
    held = contents.ask(
        "MATCH (u:User)-->(c)<-[m:MENTIONED_IN]-(e:Entity) RETURN u.id, c.id, e.id, e.name, e.aliases, m.count"
    )
    assert sorted(held) == sorted([name, name, f"tech:{name}", name, [name], 2] for name in NAMES)


def test_what_is_too_long_for_an_index_is_left_out(contents):
    named = [mention(0, "tech:long", "x" * 10_000), mention(0, "tech:" + "y" * 10_000, "y"), mention(0, "tech:z", "z")]
    contents.apply(0, said([("c", "u", 0)], named))
    assert contents.ask("MATCH (e:Entity) RETURN e.id, e.mentions") == [["tech:z", 1]]


def test_counters_of_known_messages(contents):
    """Three messages, of which two name both; `a` is said twice in the first, by two names."""
    named = [mention(0, "a", "A", "A"), mention(0, "a", "a1", "A"), mention(0, "b", "b"), mention(1, "b", "b"),
             mention(2, "b", "b"), mention(2, "a", "A", "A", "tool")]  # fmt: skip
    contents.apply(0, said([("c", "u", 5), ("c", "u", 1), ("d", "u", 9)], named))
    times = "e.first_seen.epochSeconds - $zero, e.last_seen.epochSeconds - $zero"
    query = f"MATCH (e:Entity) RETURN e.id, e.name, e.subtype, e.aliases, e.mentions, e.messages, {times} ORDER BY e.id"
    zero = int(START.timestamp())
    assert contents.ask(query, zero=zero) == [
        ["a", "A", "tool", ["A", "a1"], 3, 2, 5, 9],
        ["b", "b", "", ["b"], 3, 3, 1, 9],
    ]
    pair = "MATCH (a)-[p:CO_OCCURS_WITH]->(b) RETURN a.id, b.id, p.frequency, p.first.epochSeconds - $zero"
    assert contents.ask(pair, zero=zero) == [["a", "b", 2, 5]]
    assert contents.ask("MATCH (g:Graph) RETURN g.messages, g.schema") == [[3, SCHEMA_VERSION]]


def test_names_and_aliases_are_found_by_full_text(contents):
    contents.apply(0, said([("c", "u", 0)], [mention(0, "a", "Kubernetes"), mention(0, "a", "k8s", "Kubernetes")]))
    contents.ask("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
    query = "CALL db.index.fulltext.queryNodes('entity_names', $text) YIELD node RETURN node.id"
    assert contents.ask(query, text="K8S") == contents.ask(query, text="kuberne*") == [["a"]]


def test_the_vector_index_is_there_when_embeddings_are_on(settings, contents):
    contents.ask("DROP INDEX entity_embedding IF EXISTS")
    on = settings.graph.model_copy(update={"embeddings": True, "embedding_size": 3})
    ensure_schema(settings.model_copy(update={"graph": on}))
    contents.ask("CREATE (:Entity {id: 'x', embedding: [0.0, 1.0, 0.0]})")
    contents.ask("CALL db.awaitIndexes(60)")
    query = "CALL db.index.vector.queryNodes('entity_embedding', 1, [0.1, 0.9, 0.0]) YIELD node RETURN node.id"
    assert contents.ask(query) == [["x"]]
    contents.ask("DROP INDEX entity_embedding")


@pytest.mark.parametrize(
    "old", ["CREATE (:Entity {id: 'x', mentions: 3})", "CREATE (:Graph {id: 'graph', schema: 99})"]
)
def test_a_graph_of_another_version_is_refused_and_stays(settings, contents, old):
    contents.ask(old)
    for act in (lambda: ensure_schema(settings), lambda: contents.apply(0, hubs(1, 5))):
        with pytest.raises(StoreError, match=r"made by another version .*helix graph rebuild"):
            act()
    assert contents.ask("MATCH (n) WHERE NOT n:Graph RETURN count(n)")[0][0] <= 1
