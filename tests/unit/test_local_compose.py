"""docker/compose.yaml: the same parts, health checks, loopback only, no password written down."""

from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docker" / "compose.yaml").read_text())
SERVICES = sorted(COMPOSE["services"])


def test_the_parts_are_those_of_helix_up_and_object_storage() -> None:
    assert SERVICES == ["clickhouse", "kafka", "minio", "neo4j", "postgres"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_bounded_health_check(name: str) -> None:
    check = COMPOSE["services"][name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    ports = COMPOSE["services"][name]["ports"]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_data_outlive_the_container(name: str) -> None:
    volumes = {volume.split(":")[0] for volume in COMPOSE["services"][name]["volumes"]}
    assert volumes == {name}
    assert volumes <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_a_tag_and_name_no_registry(name: str) -> None:
    image, _, tag = COMPOSE["services"][name]["image"].partition(":")
    assert tag
    assert tag != "latest"
    assert "." not in image.split("/")[0], "a first part with a dot is a registry's host"


@pytest.mark.parametrize("name", SERVICES)
def test_passwords_come_from_the_environment(name: str) -> None:
    for key, value in COMPOSE["services"][name]["environment"].items():
        if "PASSWORD" in key or key.endswith("_AUTH"):
            assert "${" in value, key
            assert ":-helix" not in value, key
