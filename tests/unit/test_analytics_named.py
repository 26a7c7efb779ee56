"""Rows of figures about what messages name."""

from datetime import UTC, datetime

import pyarrow as pa

from helix_pipeline.contracts.rows import TIMESTAMP
from helix_pipeline.domain.analytics.named import NAMED, named
from helix_pipeline.domain.entities.extraction import MENTIONS

AT = datetime(2026, 6, 1, tzinfo=UTC)


def messages(count: int) -> pa.Table:
    said = {
        "timestamp": pa.array([AT] * count, TIMESTAMP),
        "conversation_id": [f"c{n}" for n in range(count)],
        "message_id": [f"m{n}" for n in range(count)],
        "ingested_at": pa.array([AT] * count, TIMESTAMP),
        "content": ["…"] * count,
    }
    return pa.table(said)


def mentions(*found: tuple[int, str]) -> pa.Table:
    about = {"type": "TECH", "subtype": "tool", "surface": "x", "reason": "gazetteer"}
    rows = [about | {"row": row, "entity_id": name, "entity_name": name.title()} for row, name in found]
    empty = {f.name: "" if f.type == pa.string() else 0 for f in MENTIONS if not f.nullable}
    return pa.Table.from_pylist([empty | row for row in rows], MENTIONS)


def test_a_row_for_each_message_and_entity_with_its_mentions():
    rows = named(messages(3), mentions((0, "redis"), (0, "docker"), (0, "docker"), (2, "redis")))
    assert rows.schema == NAMED
    kept = ("message_id", "entity_id", "name", "mentions", "entities_per_message")
    assert rows.select(kept).to_pylist() == [
        dict(zip(kept, row, strict=True))
        for row in [("m0", "docker", "Docker", 2, 2), ("m0", "redis", "Redis", 1, 2), ("m2", "redis", "Redis", 1, 1)]
    ]


def test_the_order_of_mentions_does_not_matter():
    found = [(0, "redis"), (1, "docker"), (0, "docker"), (1, "docker")]
    assert named(messages(2), mentions(*found)).equals(named(messages(2), mentions(*found[::-1])))


def test_no_mention_gives_no_row():
    assert named(messages(2), mentions()).num_rows == 0
    assert named(messages(0), mentions()).schema == NAMED
