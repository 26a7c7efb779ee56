"""ClickHouse as the embedded engine chdb behind its HTTP protocol, on loopback."""

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from helix_pipeline.errors import ServerError
from helix_pipeline.local.server import LocalServer, NotReadyError, Progress


class ClickHouseServer(LocalServer):
    """The warehouse. Clients use the same protocol as with a real server."""

    name = "clickhouse"

    @property
    def external(self) -> bool:
        """See LocalServer."""
        return self.settings.clickhouse.host is not None

    @property
    def address(self) -> str:
        """See LocalServer."""
        host, port = self.settings.clickhouse.address
        return f"{'https' if self.settings.clickhouse.secure else 'http'}://{host}:{port}"

    @property
    def ports(self) -> Mapping[int, str]:
        """See LocalServer."""
        return {self.settings.clickhouse.port: "CLICKHOUSE_PORT"}

    def probe(self, timeout_s: float) -> str:
        """Run `SELECT version()`."""
        warehouse = self.settings.clickhouse
        headers = {
            "X-ClickHouse-User": warehouse.username,
            "X-ClickHouse-Key": warehouse.password.get_secret_value(),
        }
        request = urllib.request.Request(self.address, b"SELECT version()", headers)  # noqa: S310 - http(s) by `address`
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
                return str(response.read(1024).decode().strip())
        except urllib.error.HTTPError as error:
            said = error.read(300).decode(errors="replace").strip()
            who = f"clickhouse at {self.address} refuses user {warehouse.username}"
            raise ServerError(f"{who}: {said}") from None
        except (OSError, HTTPException) as error:
            raise NotReadyError(f"no answer from {self.address} ({getattr(error, 'reason', error)})") from None

    @property
    def backups(self) -> Path:
        """The folder that `BACKUP … TO File` writes to; outside the databases, so that it outlives them."""
        return self.home / "clickhouse-backups"

    def prepare(self, progress: Progress) -> None:
        """Make the folder of backups; the engine makes its own."""
        self.backups.mkdir(exist_ok=True)

    def command(self) -> list[str]:
        """See LocalServer."""
        module = [sys.executable, "-m", "helix_pipeline.local.clickhouse_http"]
        place = ["--path", str(self.folder), "--port", str(self.settings.clickhouse.port)]
        return [*module, *place, "--backups", str(self.backups), "--user", self.settings.clickhouse.username]

    def environment(self) -> dict[str, str]:
        """The password, which must not be seen in the process list."""
        return {"CLICKHOUSE_PASSWORD": self.settings.clickhouse.password.get_secret_value()}
