"""Neo4j Community as one server on loopback, from the jars of spark-conf/ivy.xml."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import neo4j
from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError

from helix_pipeline.errors import ServerError
from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.server import LocalServer, NotReadyError, Progress, require_listening, write_lines
from helix_pipeline.local.toolchain import java

_FIRST_PASSWORD = "neo4j"  # noqa: S105 - of every new Neo4j; replaced before the server is called ready
_OPENED_MODULES = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent", "java.lang")


class Neo4jServer(LocalServer):
    """The graph. Its password is set at the first start, from the settings of that time."""

    name = "neo4j"

    @property
    def external(self) -> bool:
        """See LocalServer."""
        return self.settings.neo4j.uri is not None

    @property
    def address(self) -> str:
        """See LocalServer."""
        return self.settings.neo4j.address

    @property
    def ports(self) -> Mapping[int, str]:
        """See LocalServer."""
        graph = self.settings.neo4j
        return {graph.port: "HELIX_NEO4J_PORT", graph.http_port: "HELIX_NEO4J_HTTP_PORT"}

    def probe(self, timeout_s: float) -> str:
        """Run a query over Bolt in the configured database."""
        graph = self.settings.neo4j
        with self._session(graph.password.get_secret_value(), graph.database, timeout_s) as session:
            query = "CALL dbms.components() YIELD versions RETURN versions[0] AS version"
            return str(session.run(neo4j.Query(query, timeout=timeout_s)).single(strict=True)["version"])

    def initialise(self, timeout_s: float) -> None:
        """Replace the password of every new Neo4j by that of the settings; over Bolt, not in argv."""
        if self._initialised.exists():
            return
        change = neo4j.Query("ALTER CURRENT USER SET PASSWORD FROM $old TO $new", timeout=timeout_s)
        new = self.settings.neo4j.password.get_secret_value()
        try:
            with self._session(_FIRST_PASSWORD, "system", timeout_s) as session:
                session.run(change, old=_FIRST_PASSWORD, new=new).consume()
        except _RefusedError:
            pass  # it was changed, and the process that did so ended before it could write that down
        self._initialised.touch()

    def prepare(self, progress: Progress) -> None:
        """Write the configuration."""
        write_lines(self.folder / "conf" / "neo4j.conf", self._properties())
        for name in ("data", "plugins", "import"):
            (self.folder / name).mkdir(exist_ok=True)

    def command(self) -> list[str]:
        """See LocalServer."""
        heap = self.settings.neo4j.heap_mb
        memory = [f"-Xms{heap // 2}m", f"-Xmx{heap}m", "-XX:+UseG1GC"]
        folders = [f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}"]
        return [*self.jvm(memory), "org.neo4j.server.CommunityEntryPoint", *folders]

    def jvm(self, memory: list[str]) -> list[str]:
        """Return the command that runs a class of the server's jars, up to the name of the class."""
        opens = [f"--add-opens=java.base/{module}=ALL-UNNAMED" for module in _OPENED_MODULES]
        options = ["-Xshare:auto", "-Dio.netty.tryReflectionSetAccessible=true", "-Dfile.encoding=UTF-8"]
        classes = ["-Dlog4j2.disable.jmx=true", "-cp", f"{ensure_jars('neo4j')}/*"]
        return [java(), *memory, *opens, *options, *classes]

    def _properties(self) -> dict[str, object]:
        graph = self.settings.neo4j
        return {
            "server.default_listen_address": "127.0.0.1",
            "server.bolt.listen_address": f"127.0.0.1:{graph.port}",
            "server.http.listen_address": f"127.0.0.1:{graph.http_port}",
            "server.https.enabled": "false",
            "server.directories.logs": self.home / "logs" / "neo4j",
            "server.memory.heap.initial_size": f"{graph.heap_mb // 2}m",
            "server.memory.heap.max_size": f"{graph.heap_mb}m",
            "server.memory.pagecache.size": f"{graph.pagecache_mb}m",
            "internal.server.bolt.thread_pool_shutdown_wait_time": "1s",
            "initial.dbms.default_database": graph.database,
            "dbms.security.auth_enabled": "true",
            "dbms.usage_report.enabled": "false",
            "db.tx_log.preallocate": "false",
        }

    @property
    def _initialised(self) -> Path:
        return self.folder / "password-set"

    @contextmanager
    def _session(self, password: str, database: str, timeout_s: float) -> Iterator[neo4j.Session]:
        place, user = urlsplit(self.address), self.settings.neo4j.username
        require_listening(place.hostname or "127.0.0.1", place.port or 7687, timeout_s)
        try:
            with (
                neo4j.GraphDatabase.driver(
                    self.address,
                    auth=(user, password),
                    connection_timeout=timeout_s,
                    connection_acquisition_timeout=timeout_s,
                ) as driver,
                driver.session(database=database) as session,
            ):
                yield session
        except AuthError:
            raise _RefusedError(self._refused()) from None
        except ClientError as error:
            if (error.code or "").startswith("Neo.ClientError.Transaction."):  # too slow while it still starts
                raise NotReadyError(str(error.message)) from None
            raise ServerError(f"neo4j at {self.address}: {error.message}") from None
        except (DriverError, Neo4jError, OSError) as error:
            raise NotReadyError(str(error)) from None

    def _refused(self) -> str:
        start = "" if self.external else f"; a local server keeps the password of its first start (in {self.folder})"
        return f"neo4j at {self.address} refuses user {self.settings.neo4j.username} with NEO4J_PASSWORD{start}"


class _RefusedError(ServerError):
    """User and password do not fit."""
