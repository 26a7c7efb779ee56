"""A load of conversations on an API whose servers are killed, and what must hold of it in the end.

A talker says one message after the other, again until it is accepted, as a client does. What was accepted must be in
Kafka once, in the order of saying; what was kept in the journal must be in every replay meanwhile.
"""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import msgspec
import psutil
from api_process import Api, wait_for
from context_stores import Installation
from ports import free_ports

from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.local import servers
from helix_pipeline.settings import Settings
from helix_pipeline.settings_sections import Section
from helix_pipeline.stores import bus

ANSWER_S = 20.0
"""Far more than any answer may take, and less than Kafka's own time-outs."""

DRAIN_S = 180.0
_CHECK_EVERY = 7


@dataclass(frozen=True)
class Accepted:
    """A message that the API accepted, and how."""

    message_id: str
    status: int
    stored: str
    seconds: float


class Worker(Thread):
    """Works until it is told that `ended` is set."""

    def __init__(self) -> None:
        super().__init__(daemon=True)  # or a test that fails would never end
        self.ended = Event()


_Worker = TypeVar("_Worker", bound=Worker)


@contextmanager
def at_work(workers: list[_Worker]) -> Iterator[list[_Worker]]:
    """Let threads work within the block; they are done afterwards."""
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.ended.set()
        for worker in workers:
            worker.join(2 * ANSWER_S)


class Talker(Worker):
    """Says messages in a conversation of its own, and replays it now and then; `wrong` says what should not be."""

    def __init__(self, api: Api, numbered: bool) -> None:
        super().__init__()
        self.api, self.numbered = api, numbered
        self.name = f"conversation-{uuid4().hex}"
        self.accepted: list[Accepted] = []
        self.refused: list[dict[str, Any]] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=f"{self.api.url}/v1/context", timeout=ANSWER_S) as client:
            while not self.ended.is_set():
                try:
                    self.say(client)
                    if len(self.accepted) % _CHECK_EVERY == 0:
                        self.replay(client)
                except httpx.ReadTimeout:
                    self.wrong.append(f"no answer within {ANSWER_S} s")
                except httpx.TransportError:
                    time.sleep(0.1)

    def say(self, client: httpx.Client) -> None:
        number = len(self.accepted)
        said = {"role": "user", "content": f"Message {number}", "message_id": f"{self.name}/{number}"}
        message = said | ({"sequence": number} if self.numbered else {})
        body = {"conversation_id": self.name, "messages": [message]}
        begin = time.monotonic()
        answer = client.post("/messages", json=body)
        if answer.status_code in (201, 202):
            seconds = time.monotonic() - begin
            self.accepted.append(Accepted(said["message_id"], answer.status_code, answer.json()["stored"], seconds))
        else:
            self.refused.append(answer.json())
            time.sleep(0.2)

    def replay(self, client: httpx.Client) -> None:
        answer = client.post("/replay", json={"conversation_id": self.name, "compression_strategy": "none"})
        if answer.status_code == 503 and not self.kept():
            return
        found = answer.json()
        if answer.status_code != 200:
            self.wrong.append(f"replay: {found}")
            return
        ids = [message["message_id"] for message in found["messages"]]
        due = [one.message_id for one in (self.accepted if found["complete"] else self.kept())]
        if len(set(ids)) < len(ids) or [one for one in ids if one in set(due)] != due:
            where = f"{found['source']}, complete: {found['complete']}, {found['notes']}"
            self.wrong.append(f"replayed {ids[-9:]} of {len(ids)}, accepted {due[-9:]} of {len(due)} from {where}")

    def kept(self) -> list[Accepted]:
        """The newest messages that went into the journal: those before may be in Kafka alone."""
        newest = takewhile(lambda one: one.stored == "journal", reversed(self.accepted))
        return list(newest)[::-1]

    @property
    def stored(self) -> set[str]:
        """Where accepted messages went."""
        return {one.stored for one in self.accepted}


def own_api(place: Installation, home: Path, **parts: Section) -> Api:
    """An API of its own on the stores of a place, not started; `parts` are groups of settings that differ."""
    (port,) = free_ports(1)
    own = {"home": home, "api": place.settings.api.model_copy(update={"port": port}), **parts}
    return Api(place.settings.model_copy(update=own))


@contextmanager
def talking(api: Api, count: int = 6) -> Iterator[list[Talker]]:
    """Let talkers talk, every other one with numbers of its own; they are done afterwards."""
    with at_work([Talker(api, numbered=bool(number % 2)) for number in range(count)]) as talkers:
        yield talkers


def said_more(talkers: Sequence[Talker], more: int, stored: str | None = None) -> None:
    """Wait until each talker has so many messages more, all of the newest stored there."""
    before = [len(talker.accepted) for talker in talkers]

    def reached(talker: Talker, start: int) -> bool:
        new = talker.accepted[start:]
        return len(new) >= more and (stored is None or all(one.stored == stored for one in new[-more:]))

    wait_for(lambda: all(map(reached, talkers, before)), 120, f"{more} more messages of each talker in {stored}")


def kill(settings: Settings, names: Sequence[str]) -> None:
    """Kill servers with -9, and wait until they and their children are gone."""
    ended: list[psutil.Process] = []
    for state in servers.status(settings, names):
        assert state.pid, state
        process = psutil.Process(state.pid)
        ended += [*process.children(recursive=True), process]
        process.send_signal(signal.SIGKILL)
    assert not psutil.wait_procs(ended, 30)[1]


@contextmanager
def hanging(settings: Settings, name: str) -> Iterator[None]:
    """A server that is there and says nothing, within the block: it and its children are stopped."""
    [state] = servers.status(settings, [name])
    assert state.pid
    server = psutil.Process(state.pid)
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


def checks(api: Api) -> dict[str, str]:
    """What /readyz says, part by part."""
    return dict(httpx.get(f"{api.url}/readyz", timeout=ANSWER_S).json()["checks"])


def components(api: Api) -> dict[str, str]:
    """How /health says that the components are."""
    return dict(httpx.get(f"{api.url}/health", timeout=ANSWER_S).json()["bigdata"])


def drained(api: Api) -> None:
    """Wait until the journal is empty."""
    wait_for(lambda: checks(api)["journal"] == "ok", DRAIN_S, f"the drain; {checks(api)}")


def drained_in_part(api: Api) -> int:
    """Start the API, kill it once it has drained something, or has nothing to drain; return what was left then."""
    log = api.settings.home / "api" / "log"
    begin = log.stat().st_size
    api.start()
    while "journal drained" not in log.read_text()[begin:] and checks(api)["journal"] != "ok":
        time.sleep(0.01)
    api.stop(signal.SIGKILL)
    lines = [line for line in log.read_text()[begin:].splitlines() if '"journal drained"' in line]
    return int(msgspec.json.decode(lines[-1])["left"]) if lines else 0


class _Said(msgspec.Struct):
    conversation_id: str
    sequence: int = -1
    message_id: str = ""


def in_kafka(settings: Settings, conversations: set[str]) -> dict[str, list[tuple[str, int]]]:
    """Return id and number of each record of the conversations, in the order of Kafka."""
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in conversations}
    ranges = bus.record_ranges(settings, CONVERSATIONS.name)
    for records in bus.read_records(settings, CONVERSATIONS.name, ranges):
        for one in (msgspec.json.decode(record.value(), type=_Said) for record in records):
            if one.conversation_id in found:
                found[one.conversation_id].append((one.message_id, one.sequence))
    return found


def compare(settings: Settings, talkers: Sequence[Talker]) -> None:
    """Everything that was accepted is in Kafka once, in order, with the numbers 0, 1, 2 …; nothing else is."""
    found = in_kafka(settings, {talker.name for talker in talkers})
    for talker in talkers:
        assert not talker.wrong, talker.wrong[0]
        expected = [(one.message_id, number) for number, one in enumerate(talker.accepted)]
        assert found[talker.name] == expected, f"numbered: {talker.numbered}"
