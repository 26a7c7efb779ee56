"""`helix context compress`: files of any form, standard input, what it prints and where, and bad usage."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from helix_pipeline.cli.context import register
from helix_pipeline.errors import HelixError, UsageError

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return lambda *arguments, **options: CliRunner().invoke(app, ["context", *map(str, arguments)], **options)


def said(number: int, **fields: Any) -> dict[str, Any]:
    role = ("user", "assistant")[number % 2]
    return {"role": role, "content": f"I saw {number} birds in Paris. They were grey.", **fields}


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Bare messages, a line each."""
    return written(tmp_path / "chat.jsonl", [said(number) for number in range(40)])


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_reader_gets_the_conversation_and_the_figures_apart(run: Run, lines: Path) -> None:
    result = run("compress", lines, "--max-tokens", 100)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "assistant: I saw 39 birds in Paris. They were grey."
    assert all(line.startswith(("user: ", "assistant: ")) for line in result.stdout.splitlines())
    assert "of 40 messages" in result.stderr and "hybrid" in result.stderr and "Paris" in result.stderr
    assert "below the minimum" in result.stderr


def test_json_has_all_parts_and_is_alone_on_standard_output(run: Run, lines: Path) -> None:
    found = json.loads(run("compress", lines, "--max-tokens", 100, "--json").stdout)
    assert found["conversation_id"] == "chat.jsonl"
    stats = found["compression_stats"]
    assert (stats["original_messages"], stats["budget_tokens"], stats["strategy"]) == (40, 100, "hybrid")
    assert 98 <= stats["compressed_tokens"] <= 100
    assert found["messages"][-1] == {"role": "assistant", "content": said(39)["content"], "name": None}
    assert found["recent_messages"][-1]["text"] == said(39)["content"]
    assert set(found) >= {"summary", "key_entities", "key_decisions", "selected_messages", "warning"}


def test_standard_input_is_the_same_as_the_file(run: Run, lines: Path) -> None:
    given = run("compress", "-", "--ratio", "0.2", input=lines.read_bytes())
    assert given.stdout == run("compress", lines, "--ratio", "0.2").stdout != ""


def test_the_options_reach_the_engine(run: Run, lines: Path) -> None:
    pytest.importorskip("bpe_openai")
    options = ("--strategy", "window", "--ratio", "0.5", "--encoding", "o200k_base", "--json")
    stats = json.loads(run("compress", lines, *options).stdout)["compression_stats"]
    assert (stats["strategy"], stats["encoding"]) == ("window", "o200k_base")
    assert stats["budget_tokens"] == int(stats["original_tokens"] * 0.5)


@pytest.mark.parametrize(
    "rows",
    [
        [{"messages": [said(number) for number in range(9)]}],
        [{"id": "x", "conversations": [{"from": "human", "value": "I saw 8 birds in Paris."}] * 9}],
        [said(n, conversation_id="c", message_id=f"m{n}", timestamp="2026-05-04T10:00:00Z") for n in range(9)],
    ],
)
def test_what_ingest_reads_can_be_compressed(run: Run, tmp_path: Path, rows: list[Any]) -> None:
    found = json.loads(run("compress", written(tmp_path / "f.jsonl", rows), "--ratio", "1", "--json").stdout)
    assert found["compression_stats"]["original_messages"] == 9
    assert found["recent_messages"][-1]["text"].startswith("I saw 8 birds")


def test_an_array_of_messages_is_one_conversation(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(json.dumps([said(number) for number in range(9)]))
    found = json.loads(run("compress", path, "--ratio", "1", "--json").stdout)
    assert found["compression_stats"]["original_messages"] == 9
    assert [message["role"] for message in found["messages"]] == [said(number)["role"] for number in range(9)]


def test_dates_stand_before_the_messages_of_a_day(run: Run, tmp_path: Path) -> None:
    rows = [said(n, timestamp=f"2026-05-0{4 + n // 2}T10:0{n}:00Z") for n in range(4)]
    shown = run("compress", written(tmp_path / "f.jsonl", rows), "--ratio", "1").stdout.splitlines()
    assert [shown[0], shown[3]] == ["4 May 2026", "5 May 2026"]
    assert len(shown) == 6


def test_control_characters_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "f.jsonl", [{"role": "user", "name": "A\x1b[2J", "content": "hi\x1b]0;x\x07\tthere\n."}])
    assert run("compress", path, "--ratio", "1").stdout == "A\ufffd[2J: hi\ufffd]0;x\ufffd\tthere\n.\n"


def test_of_several_conversations_one_must_be_chosen(run: Run, tmp_path: Path) -> None:
    rows = [said(n, conversation_id=f"c{n % 2}", message_id=f"m{n}") for n in range(6)]
    path = written(tmp_path / "f.jsonl", rows)
    assert refused(run("compress", path)) == (
        f"{path}: more than one conversation, such as 'c0' and 'c1': choose with --conversation"
    )
    found = json.loads(run("compress", path, "--conversation", "c1", "--json").stdout)
    assert found["conversation_id"] == "c1"
    assert found["compression_stats"]["original_messages"] == 3
    assert refused(run("compress", path, "--conversation", "c7")) == f"{path}: no message of conversation 'c7' in it"


def refused(result: Result) -> str:
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def test_records_that_are_no_messages_are_named(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "f.jsonl", [said(0), {"role": "user"}, said(2)])
    result = run("compress", path, "--ratio", "1")
    assert result.exit_code == 0
    assert "helix: left out: line 2: `content` is missing" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ratio", "0"), "ratio 0: must be over 0 and at most 1"),
        (("--ratio", "1.5"), "ratio 1.5: must be over 0 and at most 1"),
        (("--max-tokens", "0"), "max_tokens 0: must be at least 1"),
        (("--strategy", "best"), "compression_strategy 'best': must be one of"),
        (("--strategy", "none"), "compresses nothing"),
        (("--encoding", "gpt2"), "encoding 'gpt2': must be one of"),
        (("--max-tokens", "1"), "budget"),
    ],
)
def test_bad_options_are_one_line(run: Run, lines: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(run("compress", lines, *arguments))


@pytest.mark.parametrize(
    ("text", "message"), [("", "the file is empty"), ("hello", "unknown format"), ("{}\n", "unknown format")]
)
def test_a_file_without_messages_is_one_line(run: Run, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "f.txt"
    path.write_text(text)
    error = run("compress", path).exception
    assert isinstance(error, HelixError) and error.exit_code == 2
    assert str(error).startswith(f"{path}: {message}")


def test_a_missing_file_is_one_line(run: Run, tmp_path: Path) -> None:
    assert refused(run("compress", tmp_path / "none.jsonl")).startswith(f"{tmp_path}/none.jsonl: cannot be opened")


def test_no_driver_is_loaded_to_compress_a_file(lines: Path) -> None:
    code = """
import sys
from pathlib import Path
from helix_pipeline.services.context.files import compressed_file, conversation_in
from helix_pipeline.services.context.requests import ReplayRequest
from helix_pipeline.settings import load
messages, _ = conversation_in(Path(sys.argv[1]))
compressed_file(load(), messages, ReplayRequest(conversation_id="c"))
print({"confluent_kafka", "clickhouse_connect", "deltalake", "neo4j", "psycopg", "pyspark", "redis"} & set(sys.modules))
"""
    found = subprocess.run([sys.executable, "-c", code, str(lines)], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
