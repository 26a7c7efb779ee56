"""Archiving and restoring a real graph: what comes back is what there would be if nothing had ever gone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from graph_contents import START, Contents, claims, hubs, mention, opened, said

from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph_archive import archive, restore
from helix_pipeline.stores.graph_folders import folders
from helix_pipeline.stores.lake import Lake

pytestmark = pytest.mark.servers

DAY = timedelta(days=1)
LATER = START + 3 * DAY


@pytest.fixture
def contents(settings: Settings) -> Iterator[Contents]:
    with opened(settings) as found:
        yield found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def whole(contents: Contents) -> list[list[list]]:
    """Everything but what notes that an entity was restored."""
    contents.ask("MATCH (e:Entity) REMOVE e.restored_at")
    return contents.everything()


def names(contents: Contents) -> set[str]:
    return {id for (id,) in contents.ask("MATCH (e:Entity) RETURN e.id")}


def moved(days: int, deltas: pa.Table) -> pa.Table:
    """The same deltas so many days later."""
    later = [pc.add(deltas[name], days * 86_400_000) for name in ("first", "last")]
    return deltas.drop_columns(["first", "last"]).append_column("first", later[0]).append_column("last", later[1])


@pytest.mark.parametrize("seed", range(4))
def test_after_everything_is_restored_the_graph_is_as_if_nothing_had_been_archived(
    contents: Contents, lake: Lake, seed: int
) -> None:
    draw = random.Random(seed)
    batches = [
        (moved(day, hubs(10 * seed + day, 60, 40)), claims(range(100 * seed + 20 * day, 100 * seed + 20 * day + 20)))
        for day in range(6)
    ]
    for number, batch in enumerate(batches):
        contents.apply(number, *batch)
    never = contents.everything()
    contents.empty()
    gone = 0
    for number, batch in enumerate(batches):
        contents.apply(number, *batch)
        if draw.random() < 0.7:
            gone += archive(contents.driver, contents.place, lake, START + number * DAY).entities
        if draw.random() < 0.3:
            some = sorted(names(contents))[:: draw.randrange(2, 5)]
            restore(contents.driver, contents.place, lake, [*some, "e3", "e10"])
    assert gone
    restore(contents.driver, contents.place, lake)
    assert whole(contents) == never
    assert restore(contents.driver, contents.place, lake).entities == 0
    assert whole(contents) == never


def test_only_what_nobody_named_for_long_goes_with_its_relations(contents: Contents, lake: Lake) -> None:
    old, new = hubs(1, 60, 30), moved(5, hubs(2, 20, 8))
    contents.apply(0, old, claims(range(40)))
    contents.apply(1, new)
    kept = {id for (id,) in contents.ask("MATCH (e:Entity) WHERE e.last_seen >= $at RETURN e.id", at=LATER)}
    unseen = {id for (id,) in contents.ask("MATCH (e:Entity) WHERE e.last_seen IS NULL RETURN e.id")}
    [[before]] = contents.ask("MATCH (:Entity)-[r:CO_OCCURS_WITH|MENTIONED_IN]-() RETURN count(DISTINCT r)")
    done = archive(contents.driver, contents.place, lake, LATER)
    assert names(contents) == kept | unseen
    [[after]] = contents.ask("MATCH (:Entity)-[r:CO_OCCURS_WITH|MENTIONED_IN]-() RETURN count(DISTINCT r)")
    assert kept and done.entities and before - after > 0
    [folder] = folders(lake, "archive")
    assert folder.manifest()["entities"] == done.entities
    assert archive(contents.driver, contents.place, lake, LATER).path is None


def test_one_that_is_wanted_comes_back_alone_and_stays(contents: Contents, lake: Lake) -> None:
    contents.apply(0, hubs(1, 60, 30))
    archive(contents.driver, contents.place, lake, LATER)
    assert names(contents) == set()
    assert restore(contents.driver, contents.place, lake, ["e3", "nobody"]).entities == 1
    [[mentions]] = contents.ask("MATCH (e:Entity {id: 'e3'}) RETURN e.mentions")
    assert mentions > 0
    assert contents.ask("MATCH (e:Entity) WHERE e.mentions > 0 RETURN count(e)") == [[1]]
    assert archive(contents.driver, contents.place, lake, LATER).entities == 0


def test_an_entity_of_very_many_relations_goes_in_parts(contents: Contents, lake: Lake) -> None:
    contents.apply(0, hubs(3))
    before = contents.everything()
    archive(contents.driver, contents.place, lake, LATER, most=25)
    assert names(contents) == set()
    [folder] = folders(lake, "archive")
    assert len(folder.sizes()) > 5
    restore(contents.driver, contents.place, lake)
    assert whole(contents) == before


def test_a_process_killed_between_the_file_and_the_removal_loses_and_doubles_nothing(
    contents: Contents, lake: Lake, settings: Settings
) -> None:
    """It waits for a statement that the test holds, its file written; then it is killed."""
    contents.apply(0, hubs(1, 60, 30), claims(range(60)))
    contents.apply(1, moved(30, said([("late", "u1", 0)], [mention(0, "late", "late")])))
    before = contents.everything()
    environment = {
        "HELIX_HOME": str(settings.home),
        "HELIX_NEO4J_PORT": str(settings.neo4j.port),
        "HELIX_LAKE_ROOT": lake.root,
    }
    with contents.driver.session() as session, session.begin_transaction() as held:
        held.run("MATCH (s:Statement) WHERE s.subject_id STARTS WITH 'e' SET s.id = s.id").consume()
        command = [sys.executable, "-m", "helix_pipeline.cli", "graph", "archive", "--days", "1"]
        with subprocess.Popen(command, env=os.environ | environment) as process:
            wait_until(lambda: any(one.sizes() for one in folders(lake, "archive", complete=False)))
            process.kill()
        assert process.returncode == -signal.SIGKILL
    others = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS $text"
    wait_until(lambda: not contents.ask(others, text="DELETE s"))
    assert contents.everything() == before
    assert restore(contents.driver, contents.place, lake).entities == 0
    assert contents.everything() == before
    done = archive(contents.driver, contents.place, lake, LATER)
    assert done.entities and contents.ask("MATCH (e:Entity) WHERE e.mentions > 0 RETURN e.id") == [["late"]]
    restore(contents.driver, contents.place, lake)
    assert whole(contents) == before


def test_what_a_process_left_that_died_long_ago_is_finished(contents: Contents, lake: Lake) -> None:
    contents.apply(0, hubs(1, 60, 30))
    before = contents.everything()
    archive(contents.driver, contents.place, lake, LATER)
    [folder] = folders(lake, "archive")
    dead = Path(lake.root, "graph", "archive", "2026-01-01T00-00-00.000000Z")
    Path(lake.root, "graph", "archive", folder.name).rename(dead)
    contents.ask("MATCH (l:Ledger) SET l.id = replace(l.id, $name, $dead)", name=folder.name, dead=dead.name)
    (dead / "manifest.json").unlink()
    shutil.copy(dead / "000000.parquet", dead / "000007.parquet")
    archive(contents.driver, contents.place, lake, LATER)
    [finished] = folders(lake, "archive")
    assert (finished.name, list(finished.sizes())) == (dead.name, ["000000.parquet"])
    restore(contents.driver, contents.place, lake)
    assert whole(contents) == before


def test_a_stream_that_names_entities_while_they_are_archived(contents: Contents, lake: Lake) -> None:
    """Whichever comes first: after a restore everything has been counted once."""
    batches = [moved(number % 3, hubs(40 + number, 30, 20)) for number in range(12)]
    contents.apply(0, *batches)
    never = contents.everything()
    contents.empty()
    contents.apply(0, batches[0])
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(
            lambda: [archive(contents.driver, contents.place, lake, LATER, most=40).entities for _ in range(12)]
        )
        for number, batch in enumerate(batches[1:], start=1):
            contents.apply(number, batch)
        assert sum(moving.result(120)) > 0
    restore(contents.driver, contents.place, lake)
    assert whole(contents) == never


def wait_until(found: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.1)
