"""`helix graph rebuild` as a process: a graph of an older version becomes the one that the streams had written."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graph_contents import Contents, opened
from verify_stores import Pipeline, corpus, empty_stores, message, wrong

from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.services.streaming import claimed, run
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.spark.queries import select

pytestmark = [pytest.mark.servers, pytest.mark.spark]

OLDER = (
    "CREATE (:Graph {id: 'graph', schema: 1}), (:Entity {id: 'tech:docker', mentions: 3}), (:Conversation {id: 'c0'})"
)


@pytest.fixture
def contents(settings: Settings) -> Iterator[Contents]:
    with opened(settings) as found:
        yield found


@pytest.fixture
def pipeline(contents: Contents, settings: Settings, tmp_path: Path) -> Pipeline:
    """Empty stores, with checkpoints of the test's own."""
    streams = settings.streams.model_copy(update={"checkpoint_root": str(tmp_path / "checkpoints")})
    return empty_stores(settings.model_copy(update={"home": tmp_path, "streams": streams}), tmp_path)


def helix(settings: Settings, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    write(settings, settings.home / "settings.yaml")
    environment = os.environ | variables(settings, settings.home / "settings.yaml")
    command = [sys.executable, "-m", "helix_pipeline.cli", *arguments]
    return subprocess.run(
        command, env=environment, input=typed, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_rebuilt_graph_is_the_one_that_the_streams_wrote(
    pipeline: Pipeline, contents: Contents, spark: Any
) -> None:
    """Kafka has dropped one half of the events: these come from the lake, the others from Kafka."""
    own = pipeline.settings
    pipeline.publish(corpus())
    run(spark, own, ["lake", "graph"], until_caught_up=True)
    for topic in TOPICS:
        pipeline.forget(topic.name)
    pipeline.publish([message("c1", 8, "I prefer Docker; we no longer use Redis."), *later()])
    run(spark, own, ["lake", "graph"], until_caught_up=True)
    before = contents.everything()
    contents.empty()
    contents.ask(OLDER)
    refused = helix(own, "graph", "refresh")
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1)
    assert refused.stderr.endswith("stop the streams, then rebuild it with `helix graph rebuild`\n")
    done = helix(own, "graph", "rebuild", "--yes")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout == f"the graph is empty but for {len(corpus()) - 3} older events; run helix stream for the rest\n"
    )
    assert contents.everything() != before
    run(spark, own, ["graph"], until_caught_up=True)
    assert contents.everything() == before
    report = pipeline.verify()
    assert {place: counts for place, counts in wrong(report).items() if place[0] == "graph"} == {}, report.examples


def later() -> list[EntityStated | RelationshipStated]:
    """Statements that add to, and end, what was stated before."""
    about = {"timestamp": message("c1", 0).timestamp, "entity_id": "tech:ledger"}
    ended = {"relation": "written_in", "confidence": 0.9, "ended": True, "object_id": "tech:rust"}
    named = EntityStated(event_id="k1", name="Ledger", type="TECH", aliases=["Ledger CLI"], **about)
    return [named, RelationshipStated(event_id="k-over", **ended, **about)]


def test_nothing_is_removed_without_a_yes_or_while_a_stream_runs(pipeline: Pipeline, contents: Contents) -> None:
    contents.empty()
    contents.ask(OLDER)
    before, own = contents.everything(), pipeline.settings
    kept = own.home / "checkpoints" / "graph.conversations"
    kept.mkdir(parents=True)
    asked = helix(own, "graph", "rebuild", typed="n\n")
    assert asked.returncode == 1 and f"Empty the graph at {own.neo4j.address}" in asked.stdout
    with claimed(own, select(["graph.knowledge"])):
        busy = helix(own, "graph", "rebuild", "--yes")
    assert (busy.returncode, busy.stdout) == (1, "")
    assert busy.stderr == f"helix: query graph.knowledge runs in another process of {own.home}; stop it first\n"
    assert contents.everything() == before and kept.exists()
