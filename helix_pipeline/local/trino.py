"""Trino as one server on loopback, with the lake as its only catalog; fetched when it is first asked for."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from helix_pipeline.errors import StoreError
from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.server import LocalServer, NotReadyError, Progress, require_listening, write_lines
from helix_pipeline.local.toolchain import trino_java

ACCESS_RULES = Path(__file__).with_name("trino_access.json")
"""Who may do what: everybody reads, and the registrar registers tables. Nobody writes rows."""

_ACCESS_KEY, _SECRET_KEY = "HELIX_TRINO_S3_ACCESS_KEY", "HELIX_TRINO_S3_SECRET_KEY"
_JAVA_OPTIONS = (
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "--enable-native-access=ALL-UNNAMED",
    "--add-modules=jdk.incubator.vector",
)
"""What Trino's own launcher passes."""


class TrinoServer(LocalServer):
    """SQL over the lake. Which tables are registered lies under `<home>/trino`, and is made anew at each start."""

    name = "trino"

    @property
    def external(self) -> bool:
        """See LocalServer."""
        return self.settings.trino.url is not None

    @property
    def address(self) -> str:
        """See LocalServer."""
        return self.settings.trino.address

    @property
    def ports(self) -> Mapping[int, str]:
        """See LocalServer."""
        return {self.settings.trino.port: "HELIX_TRINO_PORT"}

    def probe(self, timeout_s: float) -> str:
        """Run a query: Trino answers over HTTP seconds before it can run one."""
        from helix_pipeline.stores import sql  # with drivers that other commands need not load

        place = urlsplit(self.address)
        require_listening(place.hostname or "127.0.0.1", place.port or 80, timeout_s)
        try:
            return sql.version(self.settings, timeout_s)
        except StoreError as error:
            raise NotReadyError(str(error)) from None

    def prepare(self, progress: Progress) -> None:
        """Fetch Trino where it is missing, and write its configuration."""
        trino_java()
        ensure_jars("trino", progress)
        self._prepare_files()
        etc = self.folder / "etc"
        write_lines(etc / "config.properties", self._properties())
        write_lines(
            etc / "access-control.properties", {"access-control.name": "file", "security.config-file": ACCESS_RULES}
        )
        write_lines(etc / "log.properties", {"io.trino": "WARN", "io.airlift": "WARN"})
        shutil.rmtree(etc / "catalog", ignore_errors=True)
        for name, lines in self.catalogs().items():
            write_lines(etc / "catalog" / f"{name}.properties", lines)

    def command(self) -> list[str]:
        """See LocalServer."""
        heap, server = self.settings.trino.heap_mb, ensure_jars("trino")
        etc = self.folder / "etc"
        files = [f"-Dconfig={etc / 'config.properties'}", f"-Dlog.levels-file={etc / 'log.properties'}"]
        java = [trino_java(), f"-Xms{heap // 3}m", f"-Xmx{heap}m", *_JAVA_OPTIONS, *files]
        return [*java, "-cp", f"{server}/lib/*", "io.trino.server.TrinoServer"]

    def environment(self) -> dict[str, str]:
        """Give the keys of the object storage: the catalog file names these variables alone."""
        s3 = self.settings.minio
        if not (s3.access_key and s3.secret_key):
            return {}
        return {_ACCESS_KEY: s3.access_key.get_secret_value(), _SECRET_KEY: s3.secret_key.get_secret_value()}

    @property
    def _files(self) -> Path:
        """The only folder of this machine that Trino's catalog reaches: the metastore, and a link to the lake."""
        return self.folder / "files"

    def _prepare_files(self) -> None:
        shutil.rmtree(self._files, ignore_errors=True)
        self._files.mkdir(parents=True)
        if not self.settings.lake_on_s3:
            lake = Path(self.settings.lake_root.removeprefix("file://").removeprefix("file:")).resolve()
            lake.mkdir(parents=True, exist_ok=True)
            (self._files / "lake").symlink_to(lake)

    def _properties(self) -> dict[str, object]:
        port = self.settings.trino.port
        return {
            "node.environment": "helix",
            "node.bind-ip": "127.0.0.1",
            "node.internal-address": "127.0.0.1",
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": port,
            "http-server.log.enabled": "false",
            "discovery.uri": f"http://127.0.0.1:{port}",
            "catalog.config-dir": self.folder / "etc" / "catalog",
            "plugin.dir": ensure_jars("trino") / "plugin",
            "access-control.config-files": self.folder / "etc" / "access-control.properties",
        }

    def catalogs(self) -> dict[str, dict[str, object]]:
        """Return the lines of the two catalog files; those in docker/trino/ are the same for a container.

        They share a metastore. Readers' is read-only: the access rules alone cannot forbid `ALTER TABLE … EXECUTE`.
        """
        name, lines = self.settings.trino.catalog, self._connector()
        registrar = {"delta.register-table-procedure.enabled": "true"}
        return {name: {**lines, "delta.security": "read_only"}, f"{name}_admin": lines | registrar}

    def _connector(self) -> dict[str, object]:
        lines: dict[str, object] = {
            "connector.name": "delta_lake",
            "hive.metastore": "file",
            "hive.metastore.catalog.dir": "local:///metastore",
            "fs.native-local.enabled": "true",
            "local.location": self._files,
        }
        return lines | self._s3() if self.settings.lake_on_s3 else lines

    def _s3(self) -> dict[str, object]:
        s3 = self.settings.minio
        lines: dict[str, object] = {
            "fs.native-s3.enabled": "true",
            "s3.region": s3.region,
            "s3.path-style-access": "true",
        }
        if s3.endpoint_url:
            lines["s3.endpoint"] = s3.endpoint_url
        if self.environment():
            lines |= {"s3.aws-access-key": f"${{ENV:{_ACCESS_KEY}}}", "s3.aws-secret-key": f"${{ENV:{_SECRET_KEY}}}"}
        return lines
