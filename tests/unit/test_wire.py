"""The record decoder accepts exactly what the contract's models accept, and says why it does not."""

import json
from datetime import UTC, datetime
from typing import Annotated, Union

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from helix_pipeline.contracts import events
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES, PROVIDERS, TOPICS
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.domain.sample.corpus import generate

MESSAGE = {
    "event_type": "message.added",
    "event_id": "e1",
    "timestamp": "2026-06-01T10:00:00Z",
    "conversation_id": "c1",
    "message_id": "m1",
    "sequence": 0,
    "role": "user",
    "content": "hello",
}


def read(*values: bytes | None, topic=CONVERSATIONS):
    n = len(values)
    times = pa.array([datetime(2026, 6, 1, tzinfo=UTC)] * n, pa.timestamp("us", tz="UTC"))
    return decoder(topic).decode(values, pa.array([3] * n, pa.int32()), pa.array(range(n), pa.int64()), times)


def encoded(**changes) -> bytes:
    event = {**MESSAGE, **changes}
    return json.dumps({key: value for key, value in event.items() if value is not ...}).encode()


def test_a_good_record_becomes_a_row():
    rows = read(encoded(tokens=5, metadata={"k": [1]}, session="s")).rows.to_pylist()
    assert rows[0]["content"] == "hello"
    assert rows[0]["timestamp"] == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert json.loads(rows[0]["metadata"]) == {"k": [1]}
    assert (rows[0]["kafka_partition"], rows[0]["kafka_offset"], rows[0]["messages"]) == (3, 0, None)


BAD = {
    "nothing": (None, "truncated"),
    "empty": (b"", "truncated"),
    "broken JSON": (b'{"event_type": "message.added", ', "truncated"),
    "not an object": (b"[1]", "Expected `object`"),
    "missing field": (encoded(content=...), "missing required field `content`"),
    "wrong type": (encoded(sequence="1"), "Expected `int`, got `str` - at `$.sequence`"),
    "number as text": (encoded(content=7), "Expected `str`, got `int` - at `$.content`"),
    "null text": (encoded(content=None), "$.content"),
    "unknown event type": (encoded(event_type="message.removed"), "Invalid value 'message.removed'"),
    "newer schema": (encoded(schema_version=2), "$.schema_version"),
    "unknown field": (encoded(colour="red"), "unknown field `colour`"),
    "before 2000": (encoded(timestamp="1970-01-01T00:00:00Z"), "not within 2000"),
    "after 2099": (encoded(timestamp="9999-01-01T00:00:00Z"), "not within 2000"),
    "no time zone": (encoded(timestamp="2026-06-01T10:00:00"), "timezone"),
    "not a time": (encoded(timestamp="yesterday"), "$.timestamp"),
    "null byte": (encoded(content="a\0b"), "null byte"),
    "null byte in metadata": (encoded(metadata={"k": "\0"}), "null byte"),
    "invalid UTF-8": (encoded().replace(b"hello", b"\xff\xfe"), "invalid UTF-8"),
    "too large a number": (encoded(tokens=2**40), "$.tokens"),
    "negative": (encoded(sequence=-1), "$.sequence"),
    "empty id": (encoded(conversation_id=""), "$.conversation_id"),
    "metadata not an object": (encoded(metadata=[1]), "$.metadata"),
}


@pytest.mark.parametrize(("value", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_record_is_rejected_with_its_reason_and_leaves_the_others(value, reason):
    result = read(encoded(), value, encoded(message_id="m2"))
    assert [r["message_id"] for r in result.rows.to_pylist()] == ["m1", "m2"]
    assert result.rows["kafka_offset"].to_pylist() == [0, 2]
    assert [r.index for r in result.rejected] == [1]
    assert reason in result.rejected[0].reason


def test_an_escaped_backslash_is_no_null_byte():
    assert read(encoded(content="a\\u0000b")).rejected == []


def test_two_megabytes_are_fine():
    assert read(encoded(content="x" * (2 << 20))).rejected == []


@pytest.mark.parametrize("topic", [CONVERSATIONS, DEBATES, PROVIDERS], ids=lambda t: t.name)
def test_every_event_of_the_corpus_comes_back_as_it_was(topic):
    wanted = [e for e in generate(conversations=6, debates=3, provider_calls=30) if isinstance(e, topic.events)]
    assert wanted
    result = read(*(e.model_dump_json(exclude_none=True).encode() for e in wanted), topic=topic)
    assert result.rejected == []
    for event, row in zip(wanted, result.rows.to_pylist(), strict=True):
        assert json.loads(row["metadata"]) == event.metadata
        fields = {k: v for k, v in event.model_dump().items() if k != "metadata"}
        assert {k: row[k] for k in fields} == fields


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["2026-06-01T10:00:00Z", "2026-06-01T10:00:00", "1999-12-31T23:59:59Z", "x" * 600, "\0", ""]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
PLAIN = {
    "message.added": MESSAGE,
    "debate.judged": {
        "event_type": "debate.judged",
        "event_id": "e",
        "timestamp": "2026-06-01T10:00:00Z",
        "debate_id": "d",
        "judge": "j",
    },
    "provider.called": {
        "event_type": "provider.called",
        "event_id": "e",
        "timestamp": "2026-06-01T10:00:00Z",
        "request_id": "r",
        "provider": "p",
        "model": "m",
        "latency_ms": 1.5,
        "tokens_prompt": 1,
        "tokens_completion": 1,
        "success": True,
        "cost": 0,
    },
}
FIELDS = sorted({name for topic in TOPICS for event in topic.events for name in event.model_fields} - {"event_type"})
MODELS = {
    topic: TypeAdapter(Annotated[Union[topic.events], Field(discriminator="event_type")])  # noqa: UP007
    if len(topic.events) > 1
    else TypeAdapter(topic.events[0])
    for topic in TOPICS
}


@settings(max_examples=500)
@given(st.sampled_from(sorted(PLAIN)), st.sampled_from(FIELDS), scalars)
def test_decoder_and_models_agree_on_any_value_of_any_field(kind, name, value):
    topic = next(t for t in TOPICS if any(e.model_fields["event_type"].default == kind for e in t.events))
    record = json.dumps({**PLAIN[kind], name: value}).encode()
    try:
        MODELS[topic].validate_json(record, strict=True)
        accepted = True
    except ValidationError:
        accepted = False
    if "\\u0000" in json.dumps(value):
        accepted = False
    assert (read(record, topic=topic).rejected == []) == accepted


def test_stable_ids_depend_on_every_part():
    assert events.stable_id("a", 1) == events.stable_id("a", 1)
    assert len({events.stable_id("a", 1), events.stable_id("a", 2), events.stable_id("a1")}) == 3
