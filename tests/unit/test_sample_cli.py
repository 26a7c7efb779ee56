"""`helix sample`: what lands in the files, on the streams and in the totals."""

import json

import pytest
import typer
from typer.testing import CliRunner

from helix_pipeline.cli.sample import register
from helix_pipeline.contracts.events import DebateCompleted, MessageAdded
from helix_pipeline.errors import UsageError

SMALL = ["--conversations", "3", "--debates", "2", "--provider-calls", "5"]


@pytest.fixture
def run():
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return lambda *arguments: CliRunner().invoke(app, ["sample", *map(str, arguments)])


def test_a_folder_gets_one_file_per_topic(run, tmp_path):
    result = run("--out", tmp_path / "new" / "corpus", *SMALL, "--json")
    files = {path.stem: path.read_text().splitlines() for path in (tmp_path / "new" / "corpus").iterdir()}
    totals = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(files) == {"conversations", "debates", "provider_calls"}
    assert totals["events"] == sum(map(len, files.values()))
    assert totals["messages"] == sum('"message.added"' in line for line in files["conversations"])
    assert (totals["conversations"], totals["debates"], totals["provider_calls"]) == (3, 2, 5)
    MessageAdded.model_validate_json(files["conversations"][0])
    DebateCompleted.model_validate_json(files["debates"][-1])


def test_standard_output_has_the_events_and_nothing_else(run, tmp_path):
    result = run("--out", "-", *SMALL, "--json")
    run("--out", tmp_path, *SMALL)
    names = ("conversations.jsonl", "debates.jsonl", "provider_calls.jsonl")
    assert result.stdout == "".join((tmp_path / name).read_text() for name in names)
    assert json.loads(result.stderr.splitlines()[-1])["events"] == len(result.stdout.splitlines())


def test_the_seed_decides_the_bytes(run):
    first, again, other = (run("--out", "-", *SMALL, "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again != other


def test_the_totals_are_a_table_by_default(run, tmp_path):
    result = run("--out", tmp_path, *SMALL)
    assert "provider calls" in result.stdout
    assert "messages" in result.stdout


def test_a_folder_that_cannot_be_written_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("--out", tmp_path / "file", *SMALL)
    assert isinstance(result.exception, UsageError)
    assert str(tmp_path / "file") in str(result.exception)


def test_a_negative_size_is_a_usage_error(run):
    assert run("--conversations", "-1").exit_code == 2
