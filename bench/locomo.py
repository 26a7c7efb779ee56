"""LoCoMo as the context engine sees it: conversations as tables of messages, questions with their evidence."""

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from helix_pipeline.domain.context.conversation import CONVERSATION, ordered

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Question:
    """A question about a conversation; `evidence` are the ids of the messages that answer it."""

    question_id: str
    category: str
    question: str
    answer: str
    evidence: tuple[str, ...]


def conversations() -> dict[str, pa.Table]:
    """Return each conversation by its id, as `CONVERSATION`, in order."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _lines("conversations.jsonl"):
        said = rows[row["conversation_id"]]
        at = datetime.fromisoformat(row["timestamp"])
        about = {"sequence": len(said), "timestamp": at, "event_id": row["message_id"], "session": str(row["session"])}
        said.append({**row, **about})
    return {name: ordered(pa.Table.from_pylist(said, CONVERSATION)) for name, said in rows.items()}


def questions() -> dict[str, list[Question]]:
    """Return the questions of each conversation that name evidence which the conversation has."""
    found: dict[str, list[Question]] = defaultdict(list)
    known = {name: set(table["message_id"].to_pylist()) for name, table in conversations().items()}
    for row in _lines("questions.jsonl"):
        name = row["conversation_id"]
        evidence = tuple(one for one in dict.fromkeys(row["evidence"]) if one in known[name])
        if evidence:
            asked = (row["question_id"], row["category"], row["question"], str(row["answer"]))
            found[name].append(Question(*asked, evidence))
    return found


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "locomo" / name).read_text(encoding="utf-8").splitlines()]
