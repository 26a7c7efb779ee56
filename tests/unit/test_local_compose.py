"""docker/compose.yaml: the same parts, health checks, loopback only, no password written down."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helix_pipeline.local.trino import TrinoServer
from helix_pipeline.settings import load

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = sorted(COMPOSE["services"])
MONITORING = ["grafana", "prometheus", "pushgateway"]
"""They share the host's network, as what they ask listens on loopback."""


def test_the_parts_are_those_of_helix_up_and_object_storage() -> None:
    assert sorted({*SERVICES} - {*MONITORING}) == ["clickhouse", "kafka", "minio", "neo4j", "postgres", "trino"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_bounded_health_check(name: str) -> None:
    check = COMPOSE["services"][name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", MONITORING)
def test_what_shares_the_hosts_network_listens_on_loopback_only(name: str) -> None:
    service = COMPOSE["services"][name]
    assert (service["network_mode"], service["profiles"]) == ("host", ["monitoring"])
    flags = dict(flag.partition("=")[::2] for flag in service.get("command", ()))
    address = flags.get("--web.listen-address") or service["environment"]["GF_SERVER_HTTP_ADDR"]
    assert address.split(":")[0] == "127.0.0.1"


def test_grafana_does_not_start_without_a_password() -> None:
    service = COMPOSE["services"]["grafana"]
    check = service["entrypoint"][2].replace("$$", "$").replace("/run.sh", "echo started")
    for password, started in (("", False), ("secret", True)):
        made = subprocess.run(
            ["sh", "-c", check], check=False, env={"GF_SECURITY_ADMIN_PASSWORD": password}, capture_output=True
        )
        assert (made.returncode == 0, b"started" in made.stdout) == (started, started)


@pytest.mark.parametrize("name", sorted({*SERVICES} - {*MONITORING}))
def test_ports_are_published_on_loopback_only(name: str) -> None:
    ports = COMPOSE["services"][name]["ports"]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_data_outlive_the_container(name: str) -> None:
    sources = [volume.split(":/")[0] for volume in COMPOSE["services"][name]["volumes"]]
    volumes = {source for source in sources if not source.startswith((".", "${"))}
    assert volumes == {name}
    assert volumes <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_files_that_are_mounted_are_there_and_cannot_be_written(name: str) -> None:
    for volume in COMPOSE["services"][name]["volumes"]:
        if volume.startswith("."):
            source, _, rest = volume.partition(":")
            assert (DOCKER / source).exists()
            assert rest.endswith(":ro")


@pytest.mark.parametrize("catalog", ["lake", "lake_admin"])
def test_trinos_catalogs_are_those_of_helix_up_with_secrets_from_the_environment(tmp_path: Path, catalog: str) -> None:
    flags = {"home": tmp_path, "lake.root": "s3a://bucket/lake", "minio.endpoint": "http://minio:9000"}
    keys = {"minio.access_key": "one", "minio.secret_key": "two"}
    made = TrinoServer(load(environ={}, flags={**flags, **keys})).catalogs()[catalog]
    lines = (DOCKER / "trino" / f"{catalog}.properties").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    own = {"local.location", "s3.aws-access-key", "s3.aws-secret-key"}
    assert {key: value for key, value in written.items() if key not in own} == {
        key: value for key, value in made.items() if key not in own
    }
    for key in own - {"local.location"}:
        assert written[key].startswith("${ENV:")
        assert str(made[key]).startswith("${ENV:")


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_a_tag_and_name_no_registry(name: str) -> None:
    image, _, tag = COMPOSE["services"][name]["image"].partition(":")
    assert tag
    assert tag != "latest"
    assert "." not in image.split("/")[0], "a first part with a dot is a registry's host"


@pytest.mark.parametrize("name", SERVICES)
def test_passwords_come_from_the_environment(name: str) -> None:
    for key, value in COMPOSE["services"][name].get("environment", {}).items():
        if "PASSWORD" in key or key.endswith("_AUTH"):
            assert "${" in value, key
            assert ":-helix" not in value, key
