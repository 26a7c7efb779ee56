"""PostgreSQL for all of its users: connections with time-outs, migrations, and names of processes that hold rows."""

import os
import socket
from importlib.resources import files

import psutil
import psycopg
from psycopg.rows import TupleRow

from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings

CONNECT_TIMEOUT_S = 5
GATE = 0x48454C495849
"""The advisory lock that is held while tables are made."""


def connect(settings: Settings, user: str) -> psycopg.Connection[TupleRow]:
    """Open a connection that commits each statement; `user` is what it is for, as PostgreSQL's own tools show it.

    Every statement ends within `postgres.timeout_s`. Raises StoreError where the server does not answer, at the latest
    after CONNECT_TIMEOUT_S.
    """
    timeout = settings.postgres.timeout_s
    milliseconds = int(timeout * 1000)
    try:
        return psycopg.connect(
            settings.postgres.address,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=milliseconds,
            options=f"-c statement_timeout={milliseconds} -c client_min_messages=warning",
            application_name=f"helix {user}",
        )
    except psycopg.Error as error:
        hint = "start it with `helix up`, or set DATABASE_URL"
        raise StoreError(f"PostgreSQL does not answer ({_plain(error)}): {hint}") from None


def migrate(connection: psycopg.Connection[TupleRow]) -> None:
    """Make the tables that are missing; every script does nothing where its work is done."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (GATE,))
        for script in _migrations():
            connection.execute(script)


def failed(user: str, error: psycopg.Error) -> StoreError:
    """Return an error of the driver as the one that a user may see."""
    return StoreError(f"{user}: PostgreSQL failed: {_plain(error)}")


def this_process() -> tuple[str, int, float]:
    """Return host, pid and start time (seconds since 1970) of the running process."""
    return this_host(), os.getpid(), psutil.Process().create_time()


def this_host() -> str:
    """Return a name under which process ids mean the same: the host and its boot."""
    return f"{socket.gethostname()}/{int(psutil.boot_time())}"


def is_running(pid: int, started: float) -> bool:
    """Return whether the process of this host that began then still runs; a zombie does not."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started) < 1
    except psutil.NoSuchProcess:
        return False


def _migrations() -> list[bytes]:
    folder = files("helix_pipeline.stores") / "migrations" / "postgres"
    scripts = sorted(folder.iterdir(), key=lambda script: script.name)
    return [script.read_bytes() for script in scripts]


def _plain(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
