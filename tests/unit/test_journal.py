"""The journal: what was appended is there again after any damage of its end; bounds, order, one process at a time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.errors import StoreError
from helix_pipeline.stores import journal
from helix_pipeline.stores.journal import Journal, JournalFullError, JournalHeldError
from helix_pipeline.stores.journal_frames import HEAD_BYTES

MAX = 1 << 20
_numbers = count()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


def folder(root: Path) -> Path:
    """A folder that no other example has used."""
    return root / str(next(_numbers))


def contents(place: Path) -> list[bytes]:
    with Journal(place, MAX) as opened:
        return [payload for _, payload in opened.frames()]


def written(place: Path, payloads: list[bytes]) -> Path:
    """Append the payloads and return the one segment that has them."""
    with Journal(place, MAX) as opened:
        for payload in payloads:
            opened.append(payload)
    (segment,) = place.glob("*.journal")
    return segment


def frames_before(payloads: list[bytes], end: int) -> int:
    """How many frames are whole within so many bytes."""
    ends = [sum(HEAD_BYTES + len(one) for one in payloads[: place + 1]) for place in range(len(payloads))]
    return sum(one <= end for one in ends)


payload_lists = st.lists(st.binary(max_size=60), min_size=1, max_size=8)


@given(payload_lists, st.data())
def test_a_cut_end_takes_only_the_frames_that_it_hits(root: Path, payloads: list[bytes], data: st.DataObject) -> None:
    place = folder(root)
    segment = written(place, payloads)
    end = data.draw(st.integers(0, segment.stat().st_size))
    os.truncate(segment, end)
    assert contents(place) == payloads[: frames_before(payloads, end)]


@given(payload_lists, st.data())
def test_a_damaged_byte_loses_nothing_before_it_and_invents_nothing(
    root: Path, payloads: list[bytes], data: st.DataObject
) -> None:
    place = folder(root)
    segment = written(place, payloads)
    raw = bytearray(segment.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    segment.write_bytes(raw)
    whole = frames_before(payloads, at)
    with Journal(place, MAX) as opened:
        assert [payload for _, payload in opened.frames()] == payloads[:whole]
        assert opened.torn_bytes == len(raw) - sum(HEAD_BYTES + len(one) for one in payloads[:whole])
    kept = b"".join(path.read_bytes() for path in place.glob("*.torn"))
    assert len(kept) == len(raw) - sum(HEAD_BYTES + len(one) for one in payloads[:whole])


@given(payload_lists, st.binary(min_size=1, max_size=100), st.lists(st.binary(max_size=20), max_size=3))
def test_what_is_appended_after_a_torn_end_is_there_too(
    root: Path, payloads: list[bytes], garbage: bytes, later: list[bytes]
) -> None:
    place = folder(root)
    segment = written(place, payloads)
    with segment.open("ab") as file:
        file.write(garbage)
    with Journal(place, MAX) as opened:
        assert opened.torn_bytes == len(garbage)
        for payload in later:
            opened.append(payload)
    assert contents(place) == [*payloads, *later]


@given(st.integers(1, 400))
def test_an_end_of_zeros_is_no_frame(root: Path, zeros: int) -> None:
    place = folder(root)
    place.mkdir()
    (place / f"{0:020}.journal").write_bytes(bytes(zeros))
    assert contents(place) == []


def test_a_frame_that_is_there_again_is_not_taken_twice(tmp_path: Path) -> None:
    segment = written(tmp_path, [b"a", b"b"])
    with segment.open("ab") as file:
        file.write(segment.read_bytes())
    assert contents(tmp_path) == [b"a", b"b"]


def test_damage_in_the_middle_leaves_later_segments_as_they_are(tmp_path: Path) -> None:
    payload = bytes(journal.SEGMENT_BYTES // 2)
    with Journal(tmp_path, MAX << 6) as opened:
        numbers = [opened.append(payload + bytes([number])) for number in range(6)]
    first = min(tmp_path.glob("*.journal"))
    raw = bytearray(first.read_bytes())
    raw[HEAD_BYTES] ^= 1
    first.write_bytes(raw)
    with Journal(tmp_path, MAX << 6) as opened:
        assert [(number, found[-1]) for number, found in opened.frames()] == [(one, one) for one in numbers[2:]]
        assert opened.append(b"next") == 6


def test_what_is_dropped_leaves_the_disk(tmp_path: Path) -> None:
    payload = bytes(journal.SEGMENT_BYTES // 4)
    with Journal(tmp_path, MAX << 6) as opened:
        for _ in range(10):
            opened.append(payload)
        assert len(list(tmp_path.glob("*.journal"))) == 3
        opened.drop(4)
        assert [number for number, _ in opened.frames()] == [5, 6, 7, 8, 9]
        assert len(list(tmp_path.glob("*.journal"))) == 2
        assert (opened.read(4), opened.read(5), opened.empty) == (None, payload, False)
        opened.drop(9)
        assert (opened.empty, opened.nbytes, list(tmp_path.glob("*.journal"))) == (True, 0, [])
        assert opened.append(b"x") == 10


def test_the_head_is_bounded_but_never_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path, MAX) as opened:
        for number in range(300):
            opened.append(bytes([number % 256]) * 10)
        assert [number for number, _ in opened.head(0)] == [0]
        assert [number for number, _ in opened.head(2 * (HEAD_BYTES + 10))] == [0, 1]
        assert len(opened.head(MAX)) == journal.HEAD_FRAMES


def test_a_full_journal_refuses_and_takes_more_once_it_is_emptied(tmp_path: Path) -> None:
    with Journal(tmp_path, 1_000) as opened:
        opened.append(bytes(900))
        with pytest.raises(JournalFullError, match="full: it may have 1,000 bytes"):
            opened.append(bytes(100))
        opened.append(bytes(1_000 - 900 - 2 * HEAD_BYTES))
        assert opened.nbytes == 1_000
        opened.drop(1)
        opened.append(bytes(900))


def test_threads_share_the_disk_and_each_finds_its_own(tmp_path: Path) -> None:
    payloads = [f"{number}".encode() for number in range(400)]
    with Journal(tmp_path, MAX) as opened, ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(opened.append, payloads))
        assert [opened.read(number) for number in numbers] == payloads
    assert sorted(numbers) == list(range(400))
    assert sorted(contents(tmp_path)) == sorted(payloads)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path, MAX), pytest.raises(JournalHeldError, match="held by another process"):
        Journal(tmp_path, MAX)
    Journal(tmp_path, MAX).close()


def test_a_disk_that_refuses_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The limit on the size of a file stands in for a full disk: the write that passes it fails in the middle."""
    code = f"""
import resource, signal, sys
from pathlib import Path
from helix_pipeline.errors import StoreError
from helix_pipeline.stores.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Journal(Path({str(tmp_path)!r}), 1 << 20) as opened:
    opened.append(b"a" * 1000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, -1))
    try:
        opened.append(b"b" * 1000)
    except StoreError as error:
        print(error)
    opened.append(b"c" * 100)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "cannot write to" in done.stdout and "File too large" in done.stdout
    with Journal(tmp_path, MAX) as opened:
        assert ([payload[:1] for _, payload in opened.frames()], opened.torn_bytes) == ([b"a", b"c"], 0)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot use .*file/journal"):
        Journal(tmp_path / "file" / "journal", MAX)


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from helix_pipeline.stores.journal import Journal
opened = Journal(Path({str(tmp_path)!r}), 1 << 30)
def add(number):
    opened.append(b"%d" % number)
    sys.stdout.write(f"{{number}}\\n")
    sys.stdout.flush()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(add, range(1_000_000)))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    acknowledged = {int(line) for line in _lines(process, 500)}
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    acknowledged |= {int(line) for line in process.stdout if line.endswith("\n")}
    process.wait(10)
    found = [int(payload) for payload in contents(tmp_path)]
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))


def _lines(process: "subprocess.Popen[str]", wanted: int) -> Iterator[str]:
    assert process.stdout is not None
    for _ in range(wanted):
        yield process.stdout.readline()
