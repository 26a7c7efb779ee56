"""`helix context` on the stores of the session: what was added is replayed, searched and described."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from helix_pipeline.cli import app
from helix_pipeline.errors import NotFoundError, UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import write

pytestmark = pytest.mark.servers

Run = Callable[..., Result]


@pytest.fixture
def run(api_settings: Settings, tmp_path: Path) -> Run:
    config = tmp_path / "settings.yaml"
    write(api_settings, config)
    return lambda *arguments, **options: CliRunner().invoke(
        app, ["context", *map(str, arguments), "--config", str(config)], **options
    )


@pytest.fixture
def name(run: Run) -> str:
    """A conversation of three messages."""
    name = f"shell-{uuid4().hex}"
    for number, text in enumerate(("My passport is in the blue suitcase.", "Good to know.", "We left Lisbon.")):
        speaker = ("Ann", "Bob")[number % 2]
        result = run("add", name, text, "--name", speaker, "--message-id", f"m{number}")
        assert (result.exit_code, result.stdout) == (0, f"m{number} is number {number} of {name}\n")
    return name


def test_what_was_added_is_replayed_for_a_reader(run: Run, name: str) -> None:
    result = run("replay", name, "--strategy", "none")
    assert result.stdout.splitlines()[1:] == [
        "Ann: My passport is in the blue suitcase.",
        "Bob: Good to know.",
        "Ann: We left Lisbon.",
    ]
    assert "read from" in result.stderr
    lines = [json.loads(line) for line in run("replay", name, "--strategy", "none", "--json").stdout.splitlines()]
    assert [line["message_id"] for line in lines] == ["m0", "m1", "m2"]


def test_a_compressed_replay_has_its_figures_on_standard_error(run: Run, name: str) -> None:
    result = run("replay", name, "--max-tokens", 20, "--ratio", 1)
    assert result.stdout.endswith("Ann: We left Lisbon.\n")
    assert "of 3 messages" in result.stderr and "read from" in result.stderr
    found = json.loads(run("replay", name, "--max-tokens", 20, "--ratio", 1, "--json").stdout)
    assert (found["conversation_id"], found["compression_stats"]["budget_tokens"]) == (name, 20)


def test_a_time_chooses_messages(run: Run, name: str) -> None:
    whole = run("replay", name, "--strategy", "none", "--from", "2020-01-01").stdout
    assert len(whole.splitlines()) == 4
    assert run("replay", name, "--strategy", "none", "--to", "2020-01-01").stdout == ""
    error = run("replay", name, "--to", "2020-01-01").exception
    assert isinstance(error, NotFoundError) and "no messages in the time asked for" in str(error)


def test_search_shows_the_message_among_its_neighbours(run: Run, name: str) -> None:
    result = run("search", "Where is the passport?", "--conversation", name, "--top-k", 1)
    assert result.stdout.splitlines()[1:] == ["  Ann: My passport is in the blue suitcase.", "  Bob: Good to know."]
    assert result.stdout.splitlines()[0].split()[1:3] == [name, "0,"]
    alone = run("search", "passport", "--conversation", name, "--top-k", 1, "--neighbours", 0, "--json")
    [hit] = json.loads(alone.stdout)["hits"]
    assert (hit["message"]["message_id"], hit["before"], hit["after"]) == ("m0", [], [])


def test_stats_are_rows_or_json(run: Run, name: str) -> None:
    shown = run("stats", name).stdout
    assert "Ann 2, Bob 1" in shown and "0 to 2, 0 missing, 0 repeated" in shown
    assert json.loads(run("stats", name, "--json").stdout)["messages"] == 3


def test_a_message_from_standard_input_and_one_that_is_there_already(run: Run, name: str) -> None:
    run("add", name, "-", "--role", "assistant", input="Two\nlines.\n")
    assert run("replay", name, "--strategy", "none").stdout.endswith("assistant: Two\nlines.\n")
    again = run("add", name, "Good to know.", "--message-id", "m1", "--json")
    assert json.loads(again.stdout)["duplicates"] == 1
    assert "m1 was there already" in run("add", name, "Good to know.", "--message-id", "m1").stdout


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("replay", "no-such-conversation"), NotFoundError),
        (("stats", "no-such-conversation"), NotFoundError),
        (("replay", ""), UsageError),
        (("search", "anything"), UsageError),
        (("search", " ", "--user", "u"), UsageError),
        (("add", "c", "x", "--role", ""), UsageError),
        (("replay", "c", "--ratio", "2"), UsageError),
    ],
)
def test_what_cannot_be_done_is_one_error(run: Run, arguments: tuple[str, ...], kind: type[Exception]) -> None:
    assert type(run(*arguments).exception) is kind
