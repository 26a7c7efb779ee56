"""Files as such: compression, framing, detection, broken bytes, memory."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest
from formats_reading import events, jsonl, outcomes, rejections, said, until_bad
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.contracts.events import MessageAdded, ProviderCalled
from helix_pipeline.errors import UsageError
from helix_pipeline.formats import Rejected, Source, find_files, read
from helix_pipeline.formats.records import Framing, Record, records
from helix_pipeline.formats.wire import UnpublishableError, encode

MESSAGES = jsonl(said(number) for number in range(2_000))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class _InPieces(io.BytesIO):
    """A file that gives few bytes at a time."""

    def __init__(self, data: bytes, piece: int) -> None:
        super().__init__(data)
        self._piece = piece

    def read1(self, size: int = -1) -> bytes:
        return super().read1(self._piece)


@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4)), st.integers(1, 40), st.data())
def test_framing_finds_every_object_whatever_the_pieces(objects, piece, data):
    indent = data.draw(st.sampled_from([None, 1]))
    framing = data.draw(st.sampled_from([Framing.ARRAY, Framing.OBJECTS]))
    one_by_one = "\n".join(json.dumps(value, indent=indent) for value in objects)
    text = json.dumps(objects, indent=indent) if framing is Framing.ARRAY else one_by_one
    found = list(records(Source("file", _InPieces(text.encode(), piece), None), framing))
    assert [record.value for record in found if isinstance(record, Record)] == objects
    assert len(found) == len(objects)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_one_line(noise):
    try:
        found = outcomes(noise)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert found


@given(st.binary(max_size=60))
def test_a_line_of_noise_costs_itself_only(noise):
    lines = noise.replace(b"\n", b" ")
    found = outcomes(jsonl([said(0)]) + lines + b"\n" + jsonl([said(1)]))
    assert [outcome.message_id for outcome in found if isinstance(outcome, MessageAdded)] == ["m0", "m1"]


@pytest.mark.parametrize("level", [0, 9])
def test_gzip_is_read_whatever_its_name(level):
    assert len(events(gzip.compress(MESSAGES, level))) == 2_000


def test_gzip_of_several_members_and_padding():
    half = len(MESSAGES) // 2
    data = gzip.compress(MESSAGES[:half]) + gzip.compress(MESSAGES[half:]) + bytes(512)
    assert len(events(data)) == 2_000


def test_truncated_gzip_is_read_up_to_its_end():
    whole = gzip.compress(MESSAGES, 0)
    found, message = until_bad(whole[: len(whole) // 2])
    assert 900 < len(found) < 1_100
    assert not [outcome for outcome in found if isinstance(outcome, Rejected)]
    assert message.startswith("file: truncated gzip")


def test_corrupt_gzip_is_named():
    whole = bytearray(gzip.compress(MESSAGES))
    whole[-6] ^= 0xFF
    assert "corrupt gzip" in until_bad(bytes(whole))[1]


def test_truncated_array_is_read_up_to_its_end():
    chats = [{"id": str(n), "conversations": [{"from": "human", "value": "q"}]} for n in range(10)]
    found, message = until_bad(json.dumps(chats).encode()[:-30])
    assert len(found) == 9
    assert "ends too early, after item 9" in message


@pytest.mark.parametrize("data", [b"", b" \n\n", gzip.compress(b"")])
def test_empty_files_say_so(data):
    assert until_bad(data) == ([], "file: the file is empty")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"id": 1, "text": "x"}\n', "records with the keys id, text"),
        (b'[{"id": 1, "text": "x"}]', "records with the keys id, text"),
        (b"a,b\n1,2\n", "no JSON object"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"PAR1....", "Parquet"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        (b"[]", "no JSON object"),
    ],
)
def test_unknown_formats_say_what_was_found(data, message):
    found, text = until_bad(data)
    assert found == []
    assert message in text


def test_a_pretty_printed_object_and_a_byte_order_mark():
    chat = {"messages": [{"role": "user", "content": "x"}]}
    for data in (json.dumps(chat, indent=2), json.dumps([chat]), json.dumps(chat)):
        assert len(events(b"\xef\xbb\xbf" + data.encode())) == 1


def test_a_broken_first_line_does_not_hide_the_format():
    assert rejections(b'{"conversation_id": \n' + MESSAGES) == [("line 1", "broken JSON")]


def test_broken_lines_are_rejected_with_number_and_reason():
    lines = [
        jsonl([said(0)]).strip(),
        b'{"conversation_id": "c1", "role": "user", "content": "x"',
        b'{"conversation_id": "c1", "role": "user", "content": "\xff"}',
        b'{"conversation_id": "c1", "role": "user", "content": "a\0b"}',
        b"[" * 100_000,
        b"17",
        b"",
        b'{"conversation_id": "c1", "role": "user", "content": NaN}',
        jsonl([said(1)]).strip(),
    ]
    assert rejections(b"\n".join(lines)) == [
        ("line 2", "broken JSON"),
        ("line 3", "invalid UTF-8"),
        ("line 4", "null byte"),
        ("line 5", "broken JSON"),
        ("line 6", "wrong type"),
        ("line 8", "broken JSON"),
    ]


def test_a_broken_item_of_an_array_costs_itself_only():
    chat = '{"messages": [{"role": "user", "content": "x"}]}'
    deep = "[" * 50_000 + "]" * 50_000
    data = f'[{chat}, {{"messages": NaN}}, {chat}, 3, {deep}, {chat}]'.encode()
    found = outcomes(data)
    assert [isinstance(outcome, Rejected) for outcome in found] == [False, True, False, True, False]


def test_recorded_events_and_what_is_wrong_with_them():
    call = {
        "event_type": "provider.called", "event_id": "e1", "timestamp": "2026-01-01T00:00:00Z",
        "request_id": "r1", "provider": "p", "model": "m", "latency_ms": 1.5,
        "tokens_prompt": 1, "tokens_completion": 2, "success": True, "cost": 0.1,
    }  # fmt: skip
    found = outcomes(
        jsonl([call, call | {"schema_version": 2}, call | {"event_type": "x"}, call | {"event_type": [1]},
               call | {"more": 1}, call | {"success": "yes"}, call | {"event_type": "record.rejected"},
               {"event_id": "e2"}])
    )  # fmt: skip
    assert isinstance(found[0], ProviderCalled)
    assert [(outcome.place, outcome.reason) for outcome in found[1:]] == [
        ("line 2", "newer schema version"),
        ("line 3", "unknown event type"),
        ("line 4", "unknown event type"),
        ("line 5", "unknown field"),
        ("line 6", "wrong type"),
        ("line 7", "unknown event type"),
        ("line 8", "missing field"),
    ]


def test_a_large_message_is_taken_and_a_larger_one_not():
    (event,) = events(jsonl([said(content="x" * (2 << 20))]))
    assert len(encode(event, 8 << 20).value) > 2 << 20
    with pytest.raises(UnpublishableError, match=r"kafka\.max_message_bytes is 1048576") as error:
        encode(event, 1 << 20)
    assert error.value.reason == "too large"


@pytest.mark.parametrize("field", ["content", "name", "extra"])
def test_null_bytes_in_texts_are_refused_and_their_spelling_is_not(field):
    (event,) = events(jsonl([said(**{field: "a\0b"})]))
    with pytest.raises(UnpublishableError) as error:
        encode(event, 1 << 20)
    assert error.value.reason == "null byte"
    (spelled,) = events(jsonl([said(**{field: r"a\u0000b"})]))
    assert encode(spelled, 1 << 20).key == b"c1"


def test_every_record_on_the_wire_is_valid_by_the_contract():
    for event in events(jsonl([said(0, name="n", extra=[1, None]), said(1, session=1, tokens=2)])):
        assert MessageAdded.model_validate_json(encode(event, 1 << 20).value) == event


def test_folders_give_their_json_files_in_order(tmp_path: Path):
    for name in ("b.jsonl", "a/z.json.gz", "a/note.txt", ".hidden/x.json", "c.JSON"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(MESSAGES)
    found = [(path.relative_to(tmp_path).as_posix(), in_folder) for path, in_folder in find_files([tmp_path])]
    assert found == [("a/z.json.gz", True), ("b.jsonl", True), ("c.JSON", True)]


def test_a_missing_path_and_a_folder_without_files_are_named(tmp_path: Path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UsageError, match=str(path)):
            find_files([path])


class _Endless(io.RawIOBase):
    """A conversation of `count` messages that is made while it is read."""

    def __init__(self, count: int) -> None:
        self._left = count

    def read1(self, _: int) -> bytes:
        lines = min(self._left, 1_000)
        numbers = range(self._left, self._left - lines, -1)
        self._left -= lines
        line = '{"conversation_id":"c","message_id":"%d","role":"user","content":"hi","timestamp":1767225600}\n'
        return "".join(line % number for number in numbers).encode()


def test_a_conversation_of_a_million_messages_is_read_in_constant_memory():
    count, last, held = 0, -1, {}
    for event in read(Source("file", _Endless(1_000_000), None)):
        count, last = count + 1, event.sequence
        if count == 970_000:
            tracemalloc.start()
        if count in {972_000, 999_000}:
            held[count] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (count, last) == (1_000_000, 999_999)
    assert abs(held[999_000] - held[972_000]) < 1 << 19
