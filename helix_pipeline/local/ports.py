"""Who listens on a port of this machine."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Listener:
    """A process that listens on a port; `pid` is None when the system does not show it to us."""

    pid: int | None
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else self.name


def listener(port: int) -> Listener | None:
    """The process that listens on a TCP port, or None when the port is free."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return _describe(connection.pid)
    return None


def _describe(pid: int | None) -> Listener:
    try:
        return Listener(pid, psutil.Process(pid).name()) if pid else Listener(None, "another user's process")
    except psutil.NoSuchProcess:
        return Listener(None, "a process that has just ended")
