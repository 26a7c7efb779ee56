"""The lake's tables: name, the schema of their rows and the topic that feeds them."""

from dataclasses import dataclass

import pyarrow as pa

from helix_pipeline.contracts.rows import QUARANTINE, event_schema
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES, KNOWLEDGE, PROVIDERS, Topic


@dataclass(frozen=True)
class LakeTable:
    """A Delta table under the lake's root. `time_column` gives the `year=/month=/day=` partition."""

    name: str
    schema: pa.Schema
    time_column: str
    topic: Topic | None = None


LAKE_CONVERSATIONS = LakeTable("conversations", event_schema(CONVERSATIONS), "timestamp", CONVERSATIONS)
LAKE_DEBATES = LakeTable("debates", event_schema(DEBATES), "timestamp", DEBATES)
LAKE_PROVIDER_CALLS = LakeTable("provider_calls", event_schema(PROVIDERS), "timestamp", PROVIDERS)
LAKE_KNOWLEDGE = LakeTable("knowledge", event_schema(KNOWLEDGE), "timestamp", KNOWLEDGE)
LAKE_QUARANTINE = LakeTable("quarantine", QUARANTINE, "ingested_at")

LAKE_TABLES = (LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_PROVIDER_CALLS, LAKE_KNOWLEDGE, LAKE_QUARANTINE)
EVENT_TABLES = (LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_PROVIDER_CALLS, LAKE_KNOWLEDGE)
