"""OpenAI chat, ShareGPT and ChatGPT exports."""

import json
from datetime import UTC, datetime

import pytest
from formats_reading import events, jsonl, outcomes, rejections

from helix_pipeline.formats import Skipped

CALL = [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_openai_chat():
    chat = {
        "model": "gpt-x",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "See"},
                    {"type": "image_url", "image_url": {"url": "u"}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": CALL},
            {"role": "tool", "tool_call_id": "t1", "content": "42"},
        ],
    }
    found = events(jsonl([chat]))
    assert [(event.role, event.content) for event in found] == [
        ("system", "Be brief."),
        ("user", "See"),
        ("assistant", ""),
        ("tool", "42"),
    ]
    assert [event.sequence for event in found] == [0, 1, 2, 3]
    assert found[0].metadata["conversation"] == {"model": "gpt-x"}
    assert found[1].metadata["parts"] == [{"type": "image_url", "image_url": {"url": "u"}}]
    assert found[2].metadata["tool_calls"] == CALL
    assert found[3].metadata["tool_call_id"] == "t1"


def test_a_chat_without_id_is_named_by_its_content():
    chat = {"messages": [{"role": "user", "content": "hello"}]}
    other = {"messages": [{"content": "hello!", "role": "user"}]}
    reordered = {"messages": [{"content": "hello", "role": "user"}]}
    ids = [event.conversation_id for event in events(jsonl([chat, other, reordered]))]
    assert ids[0] == ids[2] != ids[1]


def test_openai_chat_times_follow_its_creation():
    chat = {
        "id": "x",
        "created": 1767225600,
        "messages": [{"role": "user", "content": str(n)} for n in range(2)],
    }
    found = events(jsonl([chat]))
    assert [event.timestamp for event in found] == [datetime(2026, 1, 1, 0, 0, n, tzinfo=UTC) for n in range(2)]
    assert {event.conversation_id for event in found} == {"x"}


def test_one_broken_message_does_not_cost_the_chat():
    messages = [
        {"role": "user", "content": "a"},
        "text",
        {"role": "user"},
        {"role": "user", "content": {"x": 1}},
    ]
    found = outcomes(jsonl([{"messages": messages}, {"messages": "none"}]))
    assert found[0].content == "a"
    assert rejections(jsonl([{"messages": messages}, {"messages": "none"}])) == [
        ("line 1, message 2", "wrong type"),
        ("line 1, message 3", "missing field"),
        ("line 1, message 4", "wrong type"),
        ("line 2", "missing field"),
    ]


@pytest.mark.parametrize("layout", ["array", "pretty", "lines"])
def test_sharegpt(layout):
    chats = [
        {"id": f"s{n}", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": f"a{n}"}]}
        for n in range(3)
    ]
    data = {"array": json.dumps(chats), "pretty": json.dumps(chats, indent=2), "lines": jsonl(chats).decode()}
    found = events(data[layout].encode())
    assert [(event.conversation_id, event.role, event.content) for event in found] == [
        (f"s{n}", role, text) for n in range(3) for role, text in (("user", "q"), ("assistant", f"a{n}"))
    ]


def _node(name, parent, role=None, text="", at=None):
    message = role and {
        "id": f"id-{name}",
        "author": {"role": role, "name": None},
        "create_time": at,
        "content": {"content_type": "text", "parts": [text]},
        "metadata": {"model_slug": "m"} if role == "assistant" else {},
        "recipient": "all",
    }
    return {"id": name, "parent": parent, "children": [], "message": message}


def _export(**changes):
    nodes = [
        _node("root", None),
        _node("sys", "root", "system"),
        _node("q", "sys", "user", "question", 1767225600.5),
        _node("old", "q", "assistant", "first answer", 1767225601.0),
        _node("new", "q", "assistant", "second answer", 1767225700.25),
    ]
    mapping = {node["id"]: node for node in nodes}
    export = {
        "title": "T",
        "create_time": 1767225600.0,
        "mapping": mapping,
        "current_node": "new",
        "id": "g1",
    }
    return export | changes


def test_chatgpt_export_follows_the_current_branch():
    found = outcomes(json.dumps([_export()]).encode())
    said = [outcome for outcome in found if not isinstance(outcome, Skipped)]
    assert [(event.sequence, event.role, event.content) for event in said] == [
        (0, "user", "question"),
        (1, "assistant", "second answer"),
    ]
    assert said[0].timestamp == datetime(2026, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)
    assert said[0].metadata == {"conversation": {"title": "T"}}
    assert said[1].metadata == {"model_slug": "m"}
    reasons = sorted(outcome.reason for outcome in found if isinstance(outcome, Skipped))
    assert reasons == ["branch not taken", "empty node", "empty node"]


def test_chatgpt_export_without_current_node_gives_all_parents_first():
    found = outcomes(json.dumps([_export(current_node=None)], indent=1).encode())
    said = [outcome.content for outcome in found if not isinstance(outcome, Skipped)]
    assert said == ["question", "first answer", "second answer"]


def test_chatgpt_export_with_a_cycle_ends():
    export = _export(current_node="a", mapping={"a": _node("a", "b", "user", "x"), "b": _node("b", "a", "user", "y")})
    assert [event.content for event in events(json.dumps([export]).encode())] == ["y", "x"]


def test_chatgpt_parts_that_are_no_text_are_kept():
    export = _export()
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "p"}
    export["mapping"]["q"]["message"]["content"] = {
        "content_type": "multimodal_text",
        "parts": [picture, "what?"],
    }
    found = [outcome for outcome in outcomes(json.dumps(export).encode()) if not isinstance(outcome, Skipped)]
    assert (found[0].content, found[0].metadata["parts"]) == ("what?", [picture])


def test_chatgpt_code_is_text():
    export = _export()
    export["mapping"]["q"]["message"]["content"] = {"content_type": "code", "language": "py", "text": "1+1"}
    found = [outcome for outcome in outcomes(json.dumps([export]).encode()) if not isinstance(outcome, Skipped)]
    assert found[0].content == "1+1"


def test_chatgpt_export_with_broken_nodes():
    export = _export()
    export["mapping"]["q"]["message"]["author"] = "me"
    assert rejections(json.dumps([export, _export(mapping=3)]).encode()) == [
        ("item 1, node q", "wrong type"),
        ("item 2", "missing field"),
    ]
