"""Reads a ChatGPT export (`conversations.json`): per conversation a tree of nodes in `mapping`.

The messages are those on the path from the root to `current_node`, the branch that its user saw last; nodes
of other branches are skipped and counted. Without a usable `current_node` all nodes are read, parents before
children.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from helix_pipeline.contracts.events import stable_id
from helix_pipeline.formats.fields import label, text_and_rest
from helix_pipeline.formats.messages import message
from helix_pipeline.formats.outcomes import Outcome, Rejected, Skipped

_TEXTS = ("text", "result", "content", "user_profile", "user_instructions")


def events(record: dict[str, Any], place: str) -> Iterator[Outcome]:
    """Yield the messages of one exported conversation in the order of the conversation."""
    mapping = record.get("mapping")
    if not isinstance(mapping, dict):
        yield Rejected(place, "missing field", "`mapping` is missing or not an object")
        return
    conversation_id = _conversation_id(record, mapping)
    path = _path(mapping, record.get("current_node")) or _all(mapping)
    for _ in range(len(mapping) - len(path)):
        yield Skipped(place, "branch not taken")
    sequence = 0
    for node_id in path:
        outcome = _node(record, node_id, place, conversation_id, sequence)
        sequence += not isinstance(outcome, Skipped)
        yield outcome


def _conversation_id(record: dict[str, Any], mapping: dict[str, Any]) -> str:
    given = label(record.get("conversation_id")) or label(record.get("id"))
    if isinstance(given, str):
        return given
    return stable_id("chatgpt", msgspec.json.encode(mapping, order="sorted").decode())


def _path(mapping: dict[str, Any], leaf: object) -> list[str]:
    """Return the node ids from the root to `leaf`; none where the leaf is not in the tree."""
    path: dict[str, None] = {}
    node = leaf
    while isinstance(node, str) and node in mapping and node not in path:
        path[node] = None
        node = mapping[node].get("parent") if isinstance(mapping[node], dict) else None
    return list(reversed(path))


def _all(mapping: dict[str, Any]) -> list[str]:
    """Return all node ids, each after its parent; in the order of the file where the tree leaves it open."""
    children: dict[object, list[str]] = {}
    for node_id, node in mapping.items():
        parent = node.get("parent") if isinstance(node, dict) else None
        known = isinstance(parent, str) and parent in mapping
        children.setdefault(parent if known else None, []).append(node_id)
    ordered: dict[str, None] = {}
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        ordered[waiting[-1]] = None
        waiting.extend(reversed(children.pop(waiting.pop(), [])))
    return [*ordered, *(node_id for node_id in mapping if node_id not in ordered)]


def _node(record: dict[str, Any], node_id: str, place: str, conversation_id: str, sequence: int) -> Outcome:
    place = f"{place}, node {node_id:.40}"
    node = record["mapping"][node_id]
    said = node.get("message") if isinstance(node, dict) else None
    if said is None:
        return Skipped(place, "empty node")
    if not isinstance(said, dict) or not isinstance(said.get("author"), dict):
        return Rejected(place, "wrong type", "`message` is not an object with an `author`")
    content, parts = _content(said.get("content"))
    if not content and not parts:
        return Skipped(place, "empty node")
    fields = {
        "message_id": label(said.get("id")) or node_id,
        "role": said["author"].get("role"),
        "name": said["author"].get("name"),
        "content": [content, *parts] if isinstance(content, str) else content,
        "timestamp": said.get("create_time"),
    }
    metadata = {**_metadata(said), **({} if sequence else _about(record))}
    return message(fields, place, conversation_id, sequence, metadata=metadata, start=record.get("create_time"))


def _content(content: Any) -> tuple[Any, list[Any]]:
    """Return the text of a node's content and its parts that are no text (images, thoughts)."""
    if not isinstance(content, dict):
        return content, []
    if "parts" in content:
        return text_and_rest(content["parts"])
    texts = [content[key] for key in _TEXTS if isinstance(content.get(key), str)]
    others = {key: value for key, value in content.items() if key not in {*_TEXTS, "content_type"} and value}
    return "\n".join(text for text in texts if text), [others] if others else []


def _metadata(said: dict[str, Any]) -> dict[str, Any]:
    """Return the node's own metadata, and to whom it speaks where that is not everyone (a tool call)."""
    given = said.get("metadata")
    kept = given if isinstance(given, dict) else {}
    recipient = said.get("recipient")
    return kept if recipient in {None, "all"} else {**kept, "recipient": recipient}


def _about(record: dict[str, Any]) -> dict[str, Any]:
    """Return what is said about the whole conversation; it is kept with its first message."""
    title = record.get("title")
    return {"conversation": {"title": title}} if title else {}
