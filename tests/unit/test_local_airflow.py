"""The local Airflow's secrets and configuration, without starting it."""

import json
from pathlib import Path

import pytest
import yaml

from helix_pipeline.errors import ServerError, UsageError
from helix_pipeline.local import servers
from helix_pipeline.local.airflow import AirflowServer, password
from helix_pipeline.settings import Settings, load


def prepared(settings: Settings) -> AirflowServer:
    server = AirflowServer(settings)
    server.folder.mkdir(parents=True, exist_ok=True)
    server.prepare(lambda doing: None)
    return server


def test_secrets_are_made_once_and_differ_between_homes(tmp_path: Path) -> None:
    settings = load(environ={}, flags={"home": tmp_path / "one"})
    first, known = prepared(settings).environment(), password(settings)
    assert known is not None
    assert (prepared(settings).environment(), password(settings)) == (first, known)
    other = prepared(load(environ={}, flags={"home": tmp_path / "two"})).environment()
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"):
        assert len(first[name]) >= 44
        assert other[name] != first[name]


def test_a_password_of_your_own_is_used(tmp_path: Path) -> None:
    settings = load(environ={"AIRFLOW_PASSWORD": "sesame", "AIRFLOW_USERNAME": "ann"}, flags={"home": tmp_path})
    server = prepared(settings)
    assert password(settings) == "sesame"
    assert json.loads((server.folder / "passwords.json").read_text()) == {"ann": "sesame"}
    assert server.environment()["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "ann:admin"


def test_tasks_get_the_same_settings_with_secrets_in_the_environment_alone(tmp_path: Path) -> None:
    environ = {"MINIO_SECRET_KEY": "hush", "NEO4J_PASSWORD": "quiet", "DATABASE_URL": "postgresql://a:silent@b/c"}
    settings = load(environ=environ, flags={"home": tmp_path, "spark.driver_memory": "3g", "jobs.concurrency": 3})
    server = prepared(settings)
    written = (server.folder / "helix.yaml").read_text()
    assert not [secret for secret in ("hush", "quiet", "silent", "***") if secret in written]
    assert load(Path(server.environment()["HELIX_CONFIG"]), environ=server.environment()) == settings
    assert yaml.safe_load(written)["bigdata"]["jobs"]["concurrency"] == 3


def test_nothing_is_configured_to_listen_beyond_loopback(tmp_path: Path) -> None:
    found = prepared(load(environ={}, flags={"home": tmp_path, "airflow.port": 4711})).environment()
    assert (found["AIRFLOW__API__HOST"], found["AIRFLOW__API__PORT"]) == ("127.0.0.1", "4711")
    assert found["AIRFLOW__CORE__LOAD_EXAMPLES"] == found["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


def test_its_command_line_without_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"airflow was never started in {tmp_path}: run `helix up airflow`"):
        AirflowServer(load(environ={}, flags={"home": tmp_path})).environment()


def test_optional_servers_are_shown_only_by_name_or_address(tmp_path: Path) -> None:
    plain = load(environ={}, flags={"home": tmp_path})
    assert "airflow" not in [server.name for server in servers.status(plain)]
    assert [server.name for server in servers.status(plain, ["airflow"])] == ["airflow"]
    own = load(environ={"AIRFLOW_URL": "http://127.0.0.1:9"}, flags={"home": tmp_path})
    assert servers.status(own)[-1].state == "unreachable"
    with pytest.raises(UsageError, match="no server is named nope"):
        servers.up(plain, also=["nope"])
