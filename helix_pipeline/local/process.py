"""One detached server process: in a session of its own, found again by its pid file, stopped in time."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from helix_pipeline.errors import ServerError

_MAX_LOG_BYTES = 16 << 20
_CLOCK_TOLERANCE_S = 1.0
_TROUBLE = ("error", "exception", "fatal", "could not", "failed", "caused by")


@dataclass(frozen=True)
class _Record:
    """What the pid file holds: enough to tell our process from another that got its number later."""

    pid: int
    create_time: float
    command: list[str]


@dataclass(frozen=True)
class Account:
    """The user that a process runs as when it must not run as root."""

    uid: int
    gid: int


class ServerProcess:
    """The process of the server `name` under `home`: pid file in `run/`, log in `logs/`."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.pid_file = home / "run" / f"{name}.json"
        self.log_path = home / "logs" / f"{name}.log"

    def find(self) -> psutil.Process | None:
        """The process that `start` started, if it still runs; a stale or reused pid is none of ours."""
        record = self._read_record()
        if record is None:
            return None
        try:
            process = psutil.Process(record.pid)
            return process if _is_same(process, record) else None
        except psutil.NoSuchProcess:
            return None

    def start(self, command: Sequence[str], environment: Mapping[str, str], account: Account | None = None) -> None:
        """Start a detached process that writes to the log; `environment` is added to this process's own.

        What a killed predecessor left running is ended first.
        """
        _end(self._left_over())
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self._rotate_log()
        with self.log_path.open("ab") as log:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        child.returncode = 0  # it outlives this process: no warning about a child left running
        self._write_record(_Record(child.pid, psutil.Process(child.pid).create_time(), list(command)))

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM, timeout_s: float = 20.0) -> bool:
        """Stop the process: `stop_signal`, up to `timeout_s` seconds, then KILL, and whatever of its session is left.

        False when none ran. Raises ServerError when it survives even that.
        """
        process = self.find()
        if process is None:
            _end(self._left_over())
            self.pid_file.unlink(missing_ok=True)
            return False
        with suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
            if not _ended(process, timeout_s):
                process.kill()
            if not _ended(process, 5.0):
                raise ServerError(
                    f"{self.name} (pid {process.pid}) does not end, even when killed; see {self.log_path}"
                )
        _end(self._left_over())
        self.pid_file.unlink(missing_ok=True)
        return True

    def await_end(self, timeout_s: float = 20.0) -> None:
        """Wait until a process that was killed has given back its ports and files, at most so many seconds."""
        record = self._read_record()
        with suppress(psutil.NoSuchProcess):
            if record is not None and _began_with(dying := psutil.Process(record.pid), record):
                _ended(dying, timeout_s)

    def log_gist(self, lines: int = 2) -> str:
        """The last telling lines of the log in one line: those that tell of trouble, else just the last."""
        with suppress(OSError):
            tail = self.log_path.read_bytes()[-16_384:].decode(errors="replace").splitlines()
            said = [line.strip() for line in tail if line.strip()]
            trouble = [line for line in said if any(word in line.lower() for word in _TROUBLE)]
            return " | ".join((trouble or said)[-lines:])[:500]
        return "no log"

    def _left_over(self) -> list[psutil.Process]:
        """Return what still runs in the session of the process that has ended.

        While a session has members, no other process gets its number; another boot's numbers mean nothing.
        """
        record = self._read_record()
        if record is None or psutil.boot_time() > record.create_time or _runs(record.pid):
            return []
        return [one for one in psutil.process_iter() if _session(one.pid) == record.pid and one.pid != record.pid]

    def _rotate_log(self) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > _MAX_LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def _read_record(self) -> _Record | None:
        try:
            return _Record(**json.loads(self.pid_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _write_record(self, record: _Record) -> None:
        draft = self.pid_file.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(self.pid_file)


def _is_same(process: psutil.Process, record: _Record) -> bool:
    if not _began_with(process, record):
        return False
    try:
        command = process.cmdline()
        return command == record.command or (not command and _begins(process))
    except psutil.AccessDenied:
        return True  # another account's process: its start time has to do


def _began_with(process: psutil.Process, record: _Record) -> bool:
    return abs(process.create_time() - record.create_time) <= _CLOCK_TOLERANCE_S


def _begins(process: psutil.Process) -> bool:
    """Tell whether a process without a command line is about to get it, and has not given up its memory to end."""
    return bool(process.memory_info().vms)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _end(processes: Sequence[psutil.Process], timeout_s: float = 5.0) -> None:
    """End processes: TERM, up to `timeout_s` seconds, then KILL."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout_s)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout_s)


def _ended(process: psutil.Process, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
