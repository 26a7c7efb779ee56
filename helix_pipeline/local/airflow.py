"""Airflow with the project's DAGs, on loopback: what it is configured with, its secrets, and when it is ready.

Its state is the database `airflow` of our PostgreSQL: on SQLite its parts wait for each other's locks until requests
time out. In production Airflow is your own (`AIRFLOW_URL`).
"""

import importlib.util
import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from helix_pipeline import settings_export
from helix_pipeline.errors import ServerError, ToolchainError
from helix_pipeline.local.server import LocalServer, NotReadyError, Progress
from helix_pipeline.local.toolchain import java
from helix_pipeline.settings import Settings

PROJECT = Path(__file__).parents[2]
DATABASE = "airflow"
PARALLELISM = 3
SPARK_POOL = {"name": "spark", "slots": 2, "description": "spark-submit runs at a time", "include_deferred": False}
"""Of the tasks that run at a time, how many may be Spark: 2 GB of driver each."""

_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_SECRET_BYTES = 48


class AirflowServer(LocalServer):
    """The scheduler with its UI and REST API. Its user is an admin; `password` says where the password is."""

    name = "airflow"
    start_timeout_s = 240.0
    needs = ("postgres",)

    @property
    def external(self) -> bool:
        """See LocalServer."""
        return self.settings.airflow.url is not None

    @property
    def address(self) -> str:
        """See LocalServer."""
        return self.settings.airflow.address

    @property
    def ports(self) -> Mapping[int, str]:
        """See LocalServer."""
        return {self.settings.airflow.port: "HELIX_AIRFLOW_PORT"}

    def probe(self, timeout_s: float) -> str:
        """Ask for the health of every part, and for the version."""
        try:
            with httpx.Client(base_url=self.address, timeout=timeout_s) as client:
                health = client.get("/api/v2/monitor/health").raise_for_status().json()
                version = client.get("/api/v2/version").raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise NotReadyError(str(error) or type(error).__name__) from None
        ill = [part for part in _PARTS if (health.get(part) or {}).get("status") != "healthy"]
        if ill and not self.external:
            raise NotReadyError(f"not healthy yet: {', '.join(ill)}")
        return str(version["version"])

    def initialise(self, timeout_s: float) -> None:
        """Make the pool that bounds how many Spark jobs run at a time, once every part is healthy."""
        self.probe(timeout_s)
        try:
            with httpx.Client(base_url=self.address, timeout=timeout_s) as client:
                client.headers["Authorization"] = f"Bearer {self._token(client)}"
                answer = client.post("/api/v2/pools", json=SPARK_POOL)
        except httpx.HTTPError as error:
            raise NotReadyError(str(error) or type(error).__name__) from None
        if answer.status_code not in (httpx.codes.CREATED, httpx.codes.CONFLICT):
            raise NotReadyError(f"the pool `spark` cannot be made ({answer.status_code})")

    def prepare(self, progress: Progress) -> None:
        """Write the secrets once, and the settings of this `helix up` for the tasks.

        Raises ToolchainError where Airflow or the project's DAGs are not installed.
        """
        if importlib.util.find_spec("airflow") is None:
            raise ToolchainError("airflow is not installed here: run `make setup`, or install the extra `airflow`")
        if not (PROJECT / "dags").is_dir():
            raise ToolchainError(f"airflow: no DAGs in {PROJECT / 'dags'}: run in a checkout of the project")
        self.folder.chmod(0o700)
        settings_export.write(self.settings, self._settings_file)
        if not self._secrets_file.exists():
            _write_private(self._secrets_file, json.dumps(_new_secrets()))
        known = password(self.settings) or secrets.token_urlsafe(16)
        _write_private(_password_file(self.settings), json.dumps({self.settings.airflow.username: known}))

    def command(self) -> list[str]:
        """See LocalServer."""
        return [sys.executable, "-m", "helix_pipeline.local.airflow_parts"]

    def environment(self) -> dict[str, str]:
        """Airflow's configuration and what its tasks need: `spark-submit`, Java, the settings of `helix up`.

        Raises ServerError where `prepare` has never run.
        """
        if not self._secrets_file.exists():
            raise ServerError(f"airflow was never started in {self.home}: run `helix up airflow`")
        java_home = str(Path(java()).resolve().parents[1])
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        tasks = {"PATH": programs, "JAVA_HOME": java_home}
        return {**tasks, **settings_export.variables(self.settings, self._settings_file), **self._configuration()}

    def _configuration(self) -> dict[str, str]:
        airflow = self.settings.airflow
        kept = json.loads(self._secrets_file.read_text(encoding="utf-8"))
        place = urlsplit(self.settings.postgres.address)
        database = place._replace(scheme="postgresql+psycopg", path=f"/{DATABASE}").geturl()
        spark = {"conn_type": "spark", "host": self.settings.spark.master, "extra": {"deploy-mode": "client"}}
        return {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(spark),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
            "AIRFLOW__CORE__FERNET_KEY": kept["fernet_key"],
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{airflow.port}/execution/",
            "AIRFLOW__CORE__AUTH_MANAGER": (
                "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{airflow.username}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(self.settings)),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(airflow.port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{airflow.port}",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": kept["api_secret"],
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt_secret"],
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "12",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _token(self, client: httpx.Client) -> str:
        user = {"username": self.settings.airflow.username, "password": password(self.settings)}
        answer = client.post("/auth/token", json=user)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ServerError(f"airflow at {self.address} refuses user {user['username']} with AIRFLOW_PASSWORD")
        return str(answer.raise_for_status().json()["access_token"])

    @property
    def _settings_file(self) -> Path:
        return self.folder / "helix.yaml"

    @property
    def _secrets_file(self) -> Path:
        return self.folder / "secrets.json"


def password(settings: Settings) -> str | None:
    """Return the password of the user `airflow.username`: as configured, else that of the local Airflow, else None."""
    if settings.airflow.password is not None:
        return settings.airflow.password.get_secret_value()
    try:
        known = json.loads(_password_file(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return known.get(settings.airflow.username)  # type: ignore[no-any-return]


def _password_file(settings: Settings) -> Path:
    return settings.home.resolve() / "airflow" / "passwords.json"


def _new_secrets() -> dict[str, str]:
    fernet = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    names = ("api_secret", "jwt_secret")
    return {"fernet_key": fernet, **{name: secrets.token_urlsafe(_SECRET_BYTES) for name in names}}


def _write_private(path: Path, text: str) -> None:
    """Write a file that no other user may read, not even for a moment."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
