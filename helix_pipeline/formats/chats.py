"""Reads whole chats per record.

OpenAI chat (`messages` of role and content) and ShareGPT (`conversations`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from helix_pipeline.contracts.events import stable_id
from helix_pipeline.formats.fields import label
from helix_pipeline.formats.messages import message
from helix_pipeline.formats.outcomes import Outcome, Rejected, shown

_KNOWN = frozenset({"role", "content", "name", "user_id", "timestamp", "message_id", "tokens"})
_IDS = ("conversation_id", "id")
_STARTS = ("timestamp", "created_at", "create_time", "created")
_SHAREGPT_ROLES = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
}  # fmt: skip


def openai_events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
    """Yield the messages of `{"messages".

    [{"role", "content"}]}`; tool calls and other keys go to metadata.
    """
    return _chat(record, "messages", _from_openai, place)


def sharegpt_events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
    """Yield the messages of `{"id", "conversations".

    [{"from", "value"}]}`; human is user, gpt is assistant.
    """
    return _chat(record, "conversations", _from_sharegpt, place)


def _from_openai(turn: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a message.

    One that only calls tools or refuses has no content, which is the empty text.
    """
    silent = turn.get("content") is None and {"tool_calls", "function_call", "refusal"} & turn.keys()
    return {**turn, "content": ""} if silent else turn


def _from_sharegpt(turn: dict[str, Any]) -> dict[str, Any]:
    renamed = {{"from": "role", "value": "content"}.get(key, key): value for key, value in turn.items()}
    if isinstance(role := renamed.get("role"), str):
        renamed["role"] = _SHAREGPT_ROLES.get(role, role)
    return renamed


def _chat(
    record: dict[str, Any], key: str, fields_of: Callable[[dict[str, Any]], dict[str, Any]], place: str
) -> Iterator[Outcome]:
    turns = record.get(key)
    if not isinstance(turns, list):
        yield Rejected(place, "missing field", f"`{key}` is missing or not a list")
        return
    conversation_id = _conversation_id(record, turns)
    start = next((record[name] for name in _STARTS if record.get(name) is not None), None)
    about = _about(record, key)
    for sequence, turn in enumerate(turns):
        where = f"{place}, message {sequence + 1}"
        if not isinstance(turn, dict):
            yield Rejected(where, "wrong type", f"expected an object, found {shown(turn)}")
            continue
        fields = {"user_id": record.get("user_id", record.get("user")), **fields_of(turn)}
        metadata = {**_metadata(fields), **(about if sequence == 0 else {})}
        yield message(fields, where, conversation_id, sequence, metadata=metadata, start=start)


def _conversation_id(record: dict[str, Any], turns: list[Any]) -> str:
    """Return the given id, or a digest of the messages where there is none."""
    given = next((label(record[name]) for name in _IDS if record.get(name) is not None), None)
    if isinstance(given, str):
        return given
    return stable_id("chat", msgspec.json.encode(turns, order="sorted").decode())


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in _KNOWN and value is not None}


def _about(record: dict[str, Any], key: str) -> dict[str, Any]:
    """Return what the record says about the whole conversation; it is kept with the first message."""
    about = {name: value for name, value in record.items() if name not in {key, *_IDS}}
    return {"conversation": about} if about else {}
