"""`helix graph related|search|path|show` on a real graph: tables, JSON, errors of one line, and Neo4j away."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from graph_contents import Contents, claims, mention, opened, said
from ports import free_ports
from typer.testing import CliRunner

from helix_pipeline.api.knowledge_models import Entity, FoundEntities, RelatedEntities, ShortestPath
from helix_pipeline.cli import app
from helix_pipeline.errors import HelixError, NotFoundError, StoreError, UsageError
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.stores.lake import open_lake

pytestmark = pytest.mark.servers

Run = Callable[..., Result]
TEXTS = ["Docker Kubernetes", "Docker Kubernetes", "Kubernetes Helm", "Go", "Dockerfile"]
AT = ("--at", "2026-06-01T00:00:10")
HOSTILE = [
    'O\'Reilly "quoted" \\',
    "x'}) DETACH DELETE n //",
    "`); MATCH (n) DETACH DELETE n; //",
    "[red]not red[/red] [/] $ids {id: 1}",
    "שלום مرحبا",
    "\u202eright to left\u202c",
    "👨‍👩‍👧 🇩🇪 é",
    "東京タワー",
]


@pytest.fixture(scope="module")
def place(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The session's Neo4j, with time to answer, and a lake of the module's own."""
    lake = settings.lake.model_copy(update={"root": str(tmp_path_factory.mktemp("lake"))})
    neo4j = settings.neo4j.model_copy(update={"read_timeout_s": 60.0})
    return settings.model_copy(update={"lake": lake, "neo4j": neo4j})


@pytest.fixture(scope="module")
def contents(place: Settings) -> Iterator[Contents]:
    """Tools, what is stated of e0 to e3, and names that are hostile."""
    named = [mention(row, f"tech:{word.lower()}", word) for row, text in enumerate(TEXTS) for word in text.split()]
    named += [mention(len(TEXTS) + row, f"odd:{row}", name) for row, name in enumerate(HOSTILE)]
    with opened(place) as found:
        found.apply(0, said([(f"c{row}", "u1", row) for row in range(len(TEXTS) + len(HOSTILE))], named))
        found.apply(1, claims(range(60)))
        found.ask("MATCH (a {id: 'tech:dockerfile'}), (e {id: 'tech:docker'}) CREATE (a)-[:SAME_AS {reason: 'r'}]->(e)")
        found.ask("CALL db.awaitIndexes(60)")
        yield found


@pytest.fixture
def run(contents: Contents, place: Settings, tmp_path: Path) -> Run:
    return shell(place, tmp_path)


@pytest.fixture
def away(contents: Contents, place: Settings, tmp_path: Path) -> Settings:
    """Settings whose Neo4j is not there."""
    uri = f"bolt://127.0.0.1:{free_ports(1)[0]}"
    lake = place.lake.model_copy(update={"root": str(tmp_path / "lake")})
    return place.model_copy(update={"neo4j": place.neo4j.model_copy(update={"uri": uri}), "lake": lake})


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    write(settings, folder / "settings.yaml")
    return variables(settings, folder / "settings.yaml") | {"COLUMNS": "160"}


def shell(settings: Settings, folder: Path) -> Run:
    """Runs `helix graph` with these settings."""
    env = environment(settings, folder)
    return lambda *arguments: CliRunner().invoke(app, ["graph", *arguments], env=env)


def table(result: Result) -> list[list[str]]:
    """The cells of each line that a command printed."""
    assert (result.exit_code, result.stderr) == (0, "")
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in result.stdout.splitlines()]


def answer(result: Result) -> dict[str, Any]:
    """The one JSON object that a command printed."""
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["source"], found["degraded"], found["as_of"], found["notes"]) == ("neo4j", False, None, [])
    return found


def test_what_is_related_as_a_table_with_bars(run: Run) -> None:
    lines = table(run("related", "docker", *AT))
    assert lines[0] == ["Docker (tech:docker)"]
    assert lines[1] == ["strength", "entity", "type", "by"]
    assert lines[2][0][0] in "█▏▎▍▌▋▊▉"
    assert lines[2][2:] == ["Kubernetes", "TECH", "Docker is named with Kubernetes (2)"]
    way = table(run("related", "tech:docker", "--depth", "2", *AT))[3]
    assert way[2:] == ["Helm", "TECH", "Docker is named with Kubernetes (2); Helm is named with Kubernetes (1)"]
    assert len(table(run("related", "docker", "--depth", "2", "--limit", "1", *AT))) == 3
    assert len(table(run("related", "docker", "--types", "person, Event"))) == 2


def test_what_is_found_between_and_known_as_tables(run: Run) -> None:
    found = table(run("search", "kubernetse"))
    assert found[0] == ["entity", "type", "mentions", "found as", "id"]
    assert found[1][1:] == ["Kubernetes", "TECH", "3", "tech:kubernetes"]
    way = table(run("path", "docker", "HELM", *AT))
    assert way[0] == ["Docker — Kubernetes — Helm"] and len(way) == 4
    known = table(run("show", "Dockerfile"))
    assert known[0] == ["Docker"] and ["mentions", "3 in 3 messages"] in known and ["id", "tech:docker"] in known
    assert ["Dockerfile", "r", "tech:dockerfile"] in known
    assert [line[0] for line in known[-3:]] == ["c4", "c1", "c0"]
    stated = run("show", "e0").stdout
    assert "e0 written in" in stated and "since 1970-01-01" in stated


def test_json_is_what_the_api_answers(run: Run) -> None:
    related = answer(run("related", "docker", "--json", *AT))
    RelatedEntities.model_validate(related | {"seconds": 0})
    assert [one["name"] for one in related["related"]] == ["Kubernetes"]
    found = answer(run("search", "kuber", "--types", "tech", "--json"))
    assert FoundEntities.model_validate(found | {"seconds": 0}).found[0].id == "tech:kubernetes"
    way = answer(run("path", "docker", "helm", "--json", *AT))
    ShortestPath.model_validate(way | {"seconds": 0})
    assert [one["name"] for one in way["entities"]] == ["Docker", "Kubernetes", "Helm"]
    known = answer(run("show", "docker", "--json"))
    Entity.model_validate(known | {"seconds": 0})
    assert [one["id"] for one in known["aliases"]] == ["tech:dockerfile"]


@pytest.mark.parametrize(
    ("arguments", "said", "kind"),
    [
        (("related", "kubernets"), "no entity 'kubernets' in the graph; near it are Kubernetes (tech:k", NotFoundError),
        (("show", "qqqq"), "no entity 'qqqq' in the graph", NotFoundError),
        (("path", "docker", "nobody'}) //"), 'no entity "nobody\'}) //" in the graph', NotFoundError),
        (("path", "docker", "go"), "no way of at most 4 relations between 'Docker' and 'Go'", NotFoundError),
        (("path", "docker", "helm", "--longest", "1"), "no way of at most 1 relations", NotFoundError),
        (("related", "docker", "--depth", "4"), "depth: 4; give 1 to 3", UsageError),
        (("related", "docker", "--limit", "0"), "limit: 0; give 1 to 200", UsageError),
        (("search", "docker", "--limit", "201"), "limit: 201; give 1 to 200", UsageError),
        (("search", "docker", "--types", "TECH,FRUIT"), "types: unknown 'FRUIT'; known are TECH,", UsageError),
        (("path", "docker", "go", "--longest", "7"), "longest: 7; give 1 to 6", UsageError),
        (("search", " "), "query: 1 characters; give 1 to 256", UsageError),
        (("related", ""), "entity: 0 characters; give 1 to 512", UsageError),
        (("show", "x" * 513), "entity: 513 characters; give 1 to 512", UsageError),
        (("show", "docker", "--config", "/nowhere.yaml"), "/nowhere.yaml", UsageError),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    run: Run, arguments: tuple[str, ...], said: str, kind: type[HelixError]
) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, kind), result.exception
    assert said in str(result.exception) and "\n" not in str(result.exception)
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("arguments", [("--depth", "x"), ("--at", "yesterday"), ("--limit",), ("--nope",)])
def test_options_that_cannot_be_read_end_with_two(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("related", "docker", *arguments)
    assert (result.exit_code, result.stdout) == (2, "") and arguments[0] in result.stderr


def test_nothing_found_is_no_error_and_is_said(run: Run) -> None:
    result = run("search", "zz\x1bzz")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "helix: nothing is called like 'zz�zz'\n")
    assert answer(run("search", "zzzz", "--json"))["found"] == []


@pytest.mark.parametrize(("number", "name"), list(enumerate(HOSTILE)))
def test_any_name_is_found_and_shown_and_nothing_else_happens(
    run: Run, contents: Contents, number: int, name: str
) -> None:
    before = contents.ask("MATCH (n) RETURN count(n)")
    assert name in run("search", name).stdout
    assert run("show", name).stdout.splitlines()[0] == name
    assert table(run("related", f"odd:{number}")) == [[f"{name} (odd:{number})"], ["strength", "entity", "type", "by"]]
    assert answer(run("show", name, "--json"))["name"] == name
    assert answer(run("search", name, "--json"))["found"][0]["id"] == f"odd:{number}"
    assert contents.ask("MATCH (n) RETURN count(n)") == before


def test_without_neo4j_and_without_a_snapshot_there_is_one_line(away: Settings, tmp_path: Path) -> None:
    for arguments in (("related", "docker"), ("search", "x", "--json"), ("path", "a", "b"), ("show", "go")):
        result = shell(away, tmp_path)(*arguments)
        assert isinstance(result.exception, StoreError), result.exception
        assert str(result.exception).startswith(f"Neo4j at {away.neo4j.address}: Neo4j does not answer: ")
        assert str(result.exception).endswith(
            f"no snapshot of the graph under {away.lake_root}: run `helix graph snapshot` once"
        )
        assert (result.stdout, result.stderr) == ("", "")


def test_without_neo4j_the_snapshot_answers_and_a_note_says_so(away: Settings, place: Settings, tmp_path: Path) -> None:
    Upkeep(place, open_lake(away)).snapshot()
    asked = shell(away, tmp_path)
    for arguments in (("related", "docker", *AT), ("search", "dokcer"), ("path", "docker", "helm"), ("show", "docker")):
        result = asked(*arguments)
        assert result.exit_code == 0 and "Docker" in result.stdout, result
        why, since = result.stderr.splitlines()
        assert why.startswith(f"helix: neo4j not used: Neo4j at {away.neo4j.address}: ")
        assert since.startswith("helix: as of ") and since.endswith(" UTC, from the last snapshot")
    whole = json.loads(asked("search", "dokcer", "--json").stdout)
    assert (whole["source"], whole["degraded"], len(whole["notes"])) == ("snapshot", True, 1)
    missing = asked("show", "dokcer")
    assert "near it are Docker (tech:docker)" in str(missing.exception)


def test_a_process_ends_with_the_code_of_its_error(contents: Contents, place: Settings, tmp_path: Path) -> None:
    env = os.environ | environment(place, tmp_path)
    for arguments, code, line in (
        (
            ("show", "Kubernets"),
            1,
            "helix: no entity 'Kubernets' in the graph; near it are Kubernetes (tech:kubernetes)\n",
        ),
        (("search", "a", "--limit", "-1"), 2, "helix: limit: -1; give 1 to 200\n"),
    ):
        command = [sys.executable, "-m", "helix_pipeline.cli", "graph", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (code, "", line)
