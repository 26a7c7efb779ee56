"""Start, stop and ask the servers together: what `helix up`, `down` and `status` do.

A server of `_KINDS` is always meant where no names are given; one of `_OPTIONAL` is started only by its name
(`helix up --with NAME`, `helix up NAME`), and from then on, until `helix down`, is meant as well. To add one, write its
`LocalServer` and put it into `_OPTIONAL`.
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import psutil

from helix_pipeline.errors import HelixError, ServerError, UsageError
from helix_pipeline.local.airflow import AirflowServer
from helix_pipeline.local.clickhouse import ClickHouseServer
from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.kafka import KafkaServer
from helix_pipeline.local.neo4j import Neo4jServer
from helix_pipeline.local.ports import listener
from helix_pipeline.local.postgres import PostgresServer
from helix_pipeline.local.server import LocalServer
from helix_pipeline.local.trino import TrinoServer
from helix_pipeline.settings import Settings

State = Literal["running", "stopped", "external", "unreachable", "foreign"]
"""running: ours and answers; external: the user's own and answers; unreachable: there, but no answer;
foreign: the port is another process's; stopped: nothing there."""

Progress = Callable[[str, str], None]
"""Is told (server, what it is doing)."""

STATUS_TIMEOUT_S = 2.0
_KINDS: tuple[type[LocalServer], ...] = (KafkaServer, ClickHouseServer, Neo4jServer, PostgresServer)
_OPTIONAL: tuple[type[LocalServer], ...] = (AirflowServer, TrinoServer)
OPTIONAL_NAMES = tuple(kind.name for kind in _OPTIONAL)
NAMES = (*(kind.name for kind in _KINDS), *OPTIONAL_NAMES)
_ON_JVM = ("kafka", "neo4j")


@dataclass(frozen=True)
class ServerStatus:
    """One server as `helix status` shows it. `log` is a path; `detail` says what is wrong, if anything."""

    name: str
    state: State
    version: str
    address: str
    pid: int | None = None
    memory_mb: float | None = None
    uptime_s: float | None = None
    log: str = ""
    detail: str = ""


def up(
    settings: Settings,
    names: Sequence[str] | None = None,
    progress: Progress = lambda name, doing: None,
    also: Sequence[str] = (),
) -> list[ServerStatus]:
    """Start the servers `names` (all but the optional ones by default), those of `also`, and what these need.

    Those that are external or running are left alone. Returns when each answers.

    Raises ServerError or ToolchainError in one line per server that could not be started; the others stay up.
    """
    names = [*(names or (kind.name for kind in _KINDS)), *also]
    names += [needed for server in _select(settings, names) for needed in server.needs]
    servers = _select(settings, names)
    with _exclusive(settings.home):
        for server in servers:
            if server.name in _ON_JVM and not server.external:
                ensure_jars(server.name, partial(progress, server.name))
        with ThreadPoolExecutor(len(servers)) as pool:
            problems = list(pool.map(partial(_start, progress=progress), servers))
    _raise_joined([problem for problem in problems if problem is not None])
    return status(settings, names)


def down(settings: Settings, names: Sequence[str] | None = None) -> list[ServerStatus]:
    """Stop the servers that `up` started, all at once; external and foreign ones are left alone.

    Raises ServerError for a server that does not end.
    """
    servers = _select(settings, names)
    with _exclusive(settings.home), ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda server: server.stop(), servers))
    return status(settings, names)


def status(settings: Settings, names: Sequence[str] | None = None) -> list[ServerStatus]:
    """Ask every server, in parallel and each for about 2 s at most."""
    servers = _select(settings, names)
    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(_status, servers))


def _select(settings: Settings, names: Sequence[str] | None) -> list[LocalServer]:
    """Return the servers `names`; without names all but the optional ones that nobody has started."""
    unknown = sorted(set(names or ()) - set(NAMES))
    if unknown:
        raise UsageError(f"no server is named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    servers = [kind(settings) for kind in (*_KINDS, *_OPTIONAL)]
    return [server for server in servers if (server.name in names if names else _is_meant(server))]


def _is_meant(server: LocalServer) -> bool:
    return server.name not in OPTIONAL_NAMES or server.external or server.process.pid_file.exists()


def _start(server: LocalServer, progress: Progress) -> HelixError | None:
    started = time.monotonic()
    try:
        server.start(partial(progress, server.name))
    except HelixError as error:
        progress(server.name, "failed")
        return error
    progress(server.name, f"ready in {time.monotonic() - started:.1f} s")
    return None


def _raise_joined(problems: list[HelixError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ServerError("; ".join(str(problem) for problem in problems))


@contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    """One `up` or `down` of a home at a time: two would start each server twice."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "servers.lock").open("w")
    except OSError as error:
        raise ServerError(f"cannot write to {home}: {error.strerror}; choose another HELIX_HOME") from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerError(f"another `helix up` or `helix down` works in {home}; wait until it has ended") from None
        yield


def _status(server: LocalServer) -> ServerStatus:
    process = None if server.external else server.process.find()
    if process is None and not server.external:
        return _not_started(server)
    try:
        version, state, detail = server.probe(STATUS_TIMEOUT_S), _answering(server), ""
    except HelixError as error:
        version, state, detail = "", "unreachable", str(error)
    return _describe(server, process, version, state, detail)


def _answering(server: LocalServer) -> State:
    return "external" if server.external else "running"


def _not_started(server: LocalServer) -> ServerStatus:
    for port, variable in server.ports.items():
        other = listener(port)
        if other is not None:
            detail = f"port {port} is taken by {other}; stop it or choose another port with {variable}"
            return ServerStatus(server.name, "foreign", "", server.address, other.pid, detail=detail)
    return ServerStatus(server.name, "stopped", "", server.address)


def _describe(
    server: LocalServer, process: psutil.Process | None, version: str, state: State, detail: str
) -> ServerStatus:
    if process is None:
        return ServerStatus(server.name, state, version, server.address, detail=detail)
    try:
        memory, started = _memory_mb(process), process.create_time()
    except psutil.NoSuchProcess:
        return _not_started(server)
    uptime, log = round(time.time() - started, 1), str(server.process.log_path)
    return ServerStatus(server.name, state, version, server.address, process.pid, memory, uptime, log, detail)


def _memory_mb(process: psutil.Process) -> float:
    """Resident memory of the process and its children; what they share is counted in each."""
    processes = [process, *process.children(recursive=True)]
    return round(sum(one.memory_info().rss for one in processes if one.is_running()) / (1 << 20), 1)
