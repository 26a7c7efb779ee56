"""What the graph should hold, recomputed from the events, against what it says (see `held`)."""

from collections.abc import Iterator
from itertools import chain, groupby, islice
from operator import itemgetter

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.topics import CONVERSATIONS, KNOWLEDGE, Topic
from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.domain.graph import knowledge, messages
from helix_pipeline.domain.graph.claims import key_of, statements_of
from helix_pipeline.domain.graph.deltas import COMPLETED, ENTITY, MENTION, PAIR, STATEMENT, add_up
from helix_pipeline.domain.graph.labels import joined, unpacked
from helix_pipeline.domain.relationships.intervals import intervals
from helix_pipeline.services.verify.held import LABEL, MESSAGES, RELATED
from helix_pipeline.services.verify.workspace import Workspace

FLUSH_DELTAS = 200_000
PAGE = 50_000

CREATE = """
CREATE TABLE expected_facts (kind TINYINT, a VARCHAR, b VARCHAR, n BIGINT);
CREATE TABLE found_facts AS FROM expected_facts;
CREATE TABLE called (a VARCHAR, b VARCHAR, detail VARCHAR, n BIGINT);
CREATE TABLE stated (key VARCHAR, detail VARCHAR);
"""

EXPECT = """
INSERT INTO expected_facts
SELECT kind, if(kind = $mention, b, a), CASE kind WHEN $mention THEN a WHEN $entity THEN '' ELSE b END, n
FROM batch WHERE kind <> $statement
"""
EXPECT_MESSAGES = "INSERT INTO expected_facts SELECT $kind, a, '', messages FROM batch WHERE kind = $entity"
EXPECT_CALLED = "INSERT INTO called SELECT a, b, detail, n FROM batch WHERE kind = $entity"
EXPECT_STATED = "INSERT INTO stated SELECT key, detail FROM batch"
STATED = "SELECT key, detail FROM stated ORDER BY key"
EXPECT_TEXTS = "INSERT INTO expected_facts SELECT kind, a, b, n FROM batch"
CALLED = "SELECT a, b, detail, sum(n)::BIGINT FROM called GROUP BY a, b, detail ORDER BY a"

FIND = "INSERT INTO found_facts SELECT kind, a, b, n FROM batch"

COMPARED = """
WITH wanted AS (
  SELECT a, b, if($kind = $completed, 1, sum(n)) AS n FROM expected_facts WHERE kind = $kind GROUP BY a, b
),
held AS (
  SELECT a, b, sum(n) AS n, count(*) AS copies FROM found_facts WHERE kind = $kind GROUP BY a, b
),
joined AS (
  SELECT a, b, coalesce(wanted.n, 0) AS expected, coalesce(held.n, 0) AS found,
    coalesce(copies, 1) - 1 AS duplicate
  FROM wanted FULL JOIN held USING (a, b)
)
SELECT if($kind = $pair, a || ' + ' || b, a) AS entity, expected, found,
  greatest(expected - found, 0) AS missing, duplicate, greatest(found - expected, 0) AS extra
FROM joined
"""


class ExpectedFacts:
    """Recomputes what the graph holds from events as the graph streams do, in memory up to a bound."""

    def __init__(self, space: Workspace, extraction: Extraction) -> None:
        space.run(CREATE)
        self._space = space
        self._extraction = extraction
        self._gathered: list[pa.Table] = []

    def add(self, topic: Topic, events: pa.Table) -> None:
        """Count events of a topic, rows with its `columns`."""
        for batch in events.to_batches():
            if topic is CONVERSATIONS:
                self._gathered.append(messages.said(batch, self._extraction))
            else:
                self._gathered.append(knowledge.deltas(batch))
        if sum(part.num_rows for part in self._gathered) >= FLUSH_DELTAS:
            self._flush()

    def finish(self) -> None:
        """Complete the facts: what they say together is known when all are there."""
        self._flush()
        for page in _pages(chain(self._labels(), self._relationships())):
            self._space.load(page, EXPECT_TEXTS)

    def _flush(self) -> None:
        """Move what was counted into the workspace."""
        added = add_up(self._gathered)
        self._space.load(added, EXPECT, {"entity": ENTITY, "mention": MENTION, "statement": STATEMENT})
        self._space.load(added, EXPECT_MESSAGES, {"kind": MESSAGES, "entity": ENTITY})
        self._space.load(added, EXPECT_CALLED, {"entity": ENTITY})
        self._space.load(_keyed(added), EXPECT_STATED)
        self._gathered.clear()

    def _labels(self) -> Iterator[tuple[int, str, str, int]]:
        for id, group in groupby(self._space.stream(CALLED), key=itemgetter(0)):
            label = joined(unpacked(detail, surface, n) for _, surface, detail, n in group)
            yield LABEL, id, _text([label.name, label.type, label.subtype, label.aliases]), 1

    def _relationships(self) -> Iterator[tuple[int, str, str, int]]:
        for key, group in groupby(self._space.stream(STATED), key=itemgetter(0)):
            for found in intervals(statements_of(detail for _, detail in group)):
                about = [found.relation, found.object_id, key, found.valid_from, found.valid_to]
                yield RELATED, found.subject_id, _text(about), found.statements


def _keyed(deltas: pa.Table) -> pa.Table:
    """Return key and detail of the statements among deltas."""
    details = deltas.filter(pc.equal(deltas["kind"], STATEMENT))["detail"]
    keys = [key_of(statement) for statement in statements_of(details.to_pylist())]
    return pa.table({"key": pa.array(keys, pa.string()), "detail": details})


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def columns(topic: Topic) -> tuple[str, ...] | None:
    """Return what of a topic's events matters to the graph, or None where nothing does."""
    return {CONVERSATIONS: messages.COLUMNS, KNOWLEDGE: knowledge.COLUMNS}.get(topic)


def comparison(kind: int) -> tuple[str, dict[str, object]]:
    """Return the comparison of what the graph says about a kind of fact, and its parameters."""
    return COMPARED, {"kind": kind, "completed": COMPLETED, "pair": PAIR}


def _pages(facts: Iterator[tuple[int, str, str, int]]) -> Iterator[pa.Table]:
    while page := list(islice(facts, PAGE)):
        yield pa.table([pa.array(column) for column in zip(*page, strict=True)], names=["kind", "a", "b", "n"])
