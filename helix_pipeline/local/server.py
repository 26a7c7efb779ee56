"""What every local server has in common: its ports, its process, when it is ready, what an error says."""

import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from helix_pipeline.errors import ServerError
from helix_pipeline.local.ports import listener
from helix_pipeline.local.process import Account, ServerProcess
from helix_pipeline.settings import Settings

Progress = Callable[[str], None]
"""Is told what a server is doing, in a few words."""

_POLL_S = 0.1
_PROBE_TIMEOUT_S = 20.0


class NotReadyError(ServerError):
    """The server does not answer yet; asking again may help."""


class LocalServer(ABC):
    """A server of this machine, or the user's own when its address is configured: then nothing is started."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_timeout_s: ClassVar[float] = 90.0
    needs: ClassVar[tuple[str, ...]] = ()
    """Servers that are started with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = settings.home.resolve()
        self.folder = self.home / self.name
        self.process = ServerProcess(self.name, self.home)

    @property
    @abstractmethod
    def external(self) -> bool:
        """Whether the user configured an address, so that the server is not ours to start or stop."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients find the server, without a password."""

    @property
    @abstractmethod
    def ports(self) -> Mapping[int, str]:
        """Each port that the local server listens on, with the environment variable that changes it."""

    @abstractmethod
    def probe(self, timeout_s: float) -> str:
        """Make a real request; returns the server's version ("" when it does not tell).

        Raises NotReadyError without an answer in `timeout_s` seconds, ServerError when it refuses for good.
        """

    @abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Bring data folder and configuration files into the state that `command` needs."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""

    def initialise(self, timeout_s: float) -> None:  # noqa: B027 - most servers need nothing
        """What has to be done once, as soon as the server answers; raises as `probe` does."""

    def environment(self) -> dict[str, str]:
        """Variables that the server's process gets besides this process's own; secrets travel here."""
        return {}

    def account(self) -> Account | None:
        """The user that the server runs as when it may not run as the current one."""
        return None

    def start(self, progress: Progress) -> None:
        """Start the server and return when it answers. Nothing to start if it is external or runs already.

        Raises ServerError naming port, foreign process or the gist of the log.
        """
        if not self.external and self.process.find() is None:
            self.process.await_end()
            self._require_free_ports()
            try:
                self._launch(progress)
            except OSError as error:
                raise ServerError(f"{self.name} cannot be started: {error}") from None
        self._wait_until_ready()

    def stop(self) -> bool:
        """Stop the process that `start` started; False when there is none. External ones are left alone."""
        return not self.external and self.process.stop(self.stop_signal)

    def _launch(self, progress: Progress) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare(progress)
        progress("starting")
        self.process.start(self.command(), self.environment(), self.account())

    def _require_free_ports(self) -> None:
        for port, variable in self.ports.items():
            other = listener(port)
            if other is not None:
                raise ServerError(
                    f"{self.name}: port {port} is taken by {other}, which `helix up` did not start;"
                    f" stop it or choose another port with {variable}"
                )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + (_PROBE_TIMEOUT_S if self.external else self.start_timeout_s)
        while True:
            try:
                self._answer_once()
                return
            except NotReadyError as error:
                self._require_alive()
                if time.monotonic() > deadline:
                    raise ServerError(f"{self.name} at {self.address} does not answer: {error}{self._hint()}") from None
            time.sleep(_POLL_S)

    def _answer_once(self) -> None:
        if not self.external:
            self.initialise(_PROBE_TIMEOUT_S)
        self.probe(_PROBE_TIMEOUT_S)

    def _require_alive(self) -> None:
        if not self.external and self.process.find() is None:
            gist = self.process.log_gist()
            raise ServerError(f"{self.name} ended while starting: {gist}; see {self.process.log_path}")

    def _hint(self) -> str:
        return "; check the configured address" if self.external else f"; see {self.process.log_path}"


def require_listening(host: str, port: int, timeout_s: float) -> None:
    """Raise NotReadyError when nothing accepts connections there; quicker than a driver is."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        raise NotReadyError(f"no connection to {host}:{port} ({error})") from None


def write_lines(path: Path, lines: Mapping[str, object]) -> None:
    """Write a `key=value` file, the form that Kafka and Neo4j read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
