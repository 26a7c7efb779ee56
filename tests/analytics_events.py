"""Events of a few days, put into a warehouse and a lake alike: what reports must add up to."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pyarrow as pa

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_PROVIDER_CALLS, LakeTable
from helix_pipeline.settings import Settings
from helix_pipeline.stores import lake, warehouse
from helix_pipeline.stores.debate_outcomes import settle

NOW = datetime.now(UTC).replace(microsecond=250_000)
MODELS = {"anthropic": ("claude-a", "claude-b"), "openai": ("gpt-a",)}
_HOUSE = {LAKE_CONVERSATIONS: "conversation_messages", LAKE_DEBATES: "debate_events", LAKE_PROVIDER_CALLS: "provider_metrics"}  # fmt: skip # noqa: E501

Rows = dict[LakeTable, list[dict[str, Any]]]


def events(seed: int = 1) -> Rows:
    """Calls, debates and messages of the last three days."""
    chance, rows = Random(seed), defaultdict(list)
    for _ in range(5000):
        rows[LAKE_PROVIDER_CALLS].append(call(chance))
    for number in range(20):
        rows[LAKE_DEBATES] += debate(chance, f"debate-{number}")
    for number in range(15):
        rows[LAKE_CONVERSATIONS] += conversation(chance, f"conv-{number}")
    return rows


def call(chance: Random) -> dict[str, Any]:
    provider = chance.choice(sorted(MODELS))
    error = chance.choice([None, None, None, "timeout", "rate_limit"])
    return _event("provider.called", NOW - timedelta(minutes=chance.uniform(1, 3 * 1440))) | {
        "request_id": uuid4().hex,
        "provider": provider,
        "model": chance.choice(MODELS[provider]),
        "latency_ms": chance.lognormvariate(6, 0.5),
        "tokens_prompt": chance.randint(1, 4000),
        "tokens_completion": chance.randint(1, 900),
        "success": error is None,
        "error_type": error,
        "cost": chance.random(),
    }


def debate(chance: Random, debate_id: str) -> list[dict[str, Any]]:
    begin = NOW - timedelta(minutes=chance.uniform(120, 3 * 1440))
    about = {"debate_id": debate_id, "topic": f"is {debate_id} good?", "participants": ["A", "B"]}
    found = [_event("debate.started", begin) | about]
    for turn in range(6):
        provider = sorted(MODELS)[turn % 2]
        found.append(
            _event("debate.turn", begin + timedelta(minutes=turn))
            | about
            | {
                "round": turn // 2 + 1,
                "turn": turn,
                "participant": "AB"[turn % 2],
                "provider": provider,
                "model": MODELS[provider][0],
                "content": "well",
                "response_time_ms": chance.choice([None, chance.uniform(100, 900)]),
                "confidence": chance.choice([None, chance.random()]),
            }
        )
    winner = chance.choice(["A", "B", None])
    found.append(_event("debate.judged", begin + timedelta(minutes=7)) | about | {"judge": "J", "winner": winner})
    if chance.random() < 0.8:
        end = {"round": 3, "winner": winner, "consensus_reached": chance.random() < 0.5}
        found.append(_event("debate.completed", begin + timedelta(minutes=8)) | about | end)
    return [one | {"kafka_offset": place} for place, one in enumerate(found)]


def conversation(chance: Random, conversation_id: str) -> list[dict[str, Any]]:
    begin = NOW - timedelta(minutes=chance.uniform(60, 3 * 1440))
    return [
        _event("message.added", begin + timedelta(seconds=30 * number))
        | {
            "conversation_id": conversation_id,
            "message_id": f"{conversation_id}-{number}",
            "sequence": number,
            "role": "user" if number % 2 else "assistant",
            "content": "hello",
            "tokens": chance.choice([None, 7]),
        }
        for number in range(chance.randint(1, 9))
    ]


def put(settings: Settings, rows: Rows) -> None:
    """Put events into the warehouse and the lake of the settings, whose tables are made."""
    for table, found in rows.items():
        assert table.topic is not None
        whole = pa.Table.from_pylist(found, event_schema(table.topic))
        _into_lake(settings, table, whole)
        with warehouse.client(warehouse.open_warehouse(settings)) as client:
            drop = ["messages"] if table is LAKE_CONVERSATIONS else []
            warehouse.insert(client, _HOUSE[table], whole.drop_columns(drop), uuid4().hex)
            if table is LAKE_DEBATES:
                settle(client, sorted({one["debate_id"] for one in found}))


def _into_lake(settings: Settings, table: LakeTable, rows: pa.Table) -> None:
    place = lake.open_lake(settings)
    files = lake.write_files(place, table, rows)
    lake.commit(lake.open_table(place, table.name), files, uuid4().hex, 1)


def _event(event_type: str, at: datetime) -> dict[str, Any]:
    shared = {"schema_version": 1, "metadata": "{}", "kafka_partition": 0, "kafka_offset": 0, "ingested_at": NOW}
    return shared | {"event_id": uuid4().hex, "event_type": event_type, "timestamp": at}
