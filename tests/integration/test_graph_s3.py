"""The graph's folders in a lake on S3: a snapshot answers, an archive comes back, and nothing unfinished counts."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.client import BaseClient
from deltalake import write_deltalake
from graph_contents import START, Contents, claims, hubs, mention, opened, said
from object_storage import BUCKET, with_lake
from ports import free_ports

from helix_pipeline.errors import StoreError
from helix_pipeline.services.knowledge.questions import related, search
from helix_pipeline.services.knowledge.stores import KnowledgeStores
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph_archive import archive, restore
from helix_pipeline.stores.graph_folders import begin, folders
from helix_pipeline.stores.graph_memory import load_newest
from helix_pipeline.stores.graph_snapshot import write_snapshot
from helix_pipeline.stores.lake import Lake, open_lake

pytestmark = pytest.mark.servers

LATER = START + timedelta(days=3)
IDS = [f"e{number}" for number in range(16)]


@pytest.fixture
def contents(settings: Settings) -> Iterator[Contents]:
    """Counters, statements, and names that are not plain."""
    with opened(settings) as found:
        named = [mention(row, f"t{row}", name) for row, name in enumerate(("Docker", "O'Reilly", "東京タワー 💥"))]
        talk = said([("c1", "u1", 5), ("c 2/ü", "u1", 9), ("c3", "u2", 13)], named)
        found.apply(0, hubs(7, 80, 24), claims(range(60)), talk)
        yield found


@pytest.fixture
def own(settings: Settings, s3: tuple[str, BaseClient]) -> Settings:
    """The session's servers, with a lake of the test's own on S3."""
    return with_lake(settings, s3[0])


def objects(s3: tuple[str, BaseClient], lake: Lake) -> set[str]:
    """Names of the objects under the lake."""
    prefix = f"{lake.uri('').removeprefix(f's3://{BUCKET}/')}"
    found = s3[1].list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {item["Key"].removeprefix(prefix) for item in found if item["Size"]}


def answers(lake: Lake) -> list[Any]:
    """What the newest snapshot says of all entities."""
    reader = load_newest(lake)
    found = [[*reader.related(id, 2, 20, (), LATER)] for id in [*IDS, "t0", "t1", "t2"]]
    found += [reader.search(query, (), 9) for query in ("dokcer", "o'reilly", "東京", "💥")]
    found += [[known] for id in IDS if (known := reader.entity(id)) and not known.timeline]
    return [[asdict(one) for one in some] for some in found if some]


def test_a_snapshot_on_s3_answers_as_one_on_disk(
    contents: Contents, own: Settings, s3: tuple[str, BaseClient], tmp_path: Path
) -> None:
    on_s3, on_disk = open_lake(own), Lake(str(tmp_path))
    manifests = [write_snapshot(contents.driver, contents.place, lake) for lake in (on_s3, on_disk)]
    assert manifests[0]["path"].startswith("s3a://")
    assert (manifests[0]["rows"], manifests[0]["bytes"]) == (manifests[1]["rows"], manifests[1]["bytes"])
    [folder] = folders(on_s3, "snapshot")
    tables = {f"graph/snapshot/{folder.name}/{name}.parquet" for name in manifests[0]["rows"]}
    assert objects(s3, on_s3) == tables | {f"graph/snapshot/{folder.name}/manifest.json"}
    found = answers(on_s3)
    assert found == answers(on_disk) and len(found) > len(IDS)


def test_questions_go_to_s3_while_neo4j_is_away(contents: Contents, own: Settings) -> None:
    away = own.model_copy(
        update={"neo4j": own.neo4j.model_copy(update={"uri": f"bolt://127.0.0.1:{free_ports(1)[0]}"})}
    )
    with KnowledgeStores(away) as stores:
        with pytest.raises(StoreError, match=r"there is no snapshot of the graph under s3a://.*helix graph snapshot"):
            related(stores, "docker")
        Upkeep(own, open_lake(own)).snapshot()
        found = related(stores, "e1", at=LATER)
        assert (found.source, found.value.entity.id) == ("snapshot", "e1")
        assert found.value.related and search(stores, "dokcer").value[0].name == "Docker"


def test_three_snapshots_are_kept_and_what_was_never_finished_does_not_count(contents: Contents, own: Settings) -> None:
    lake = open_lake(own)
    dead = begin(lake, "snapshot")
    for _ in range(4):
        last = write_snapshot(contents.driver, contents.place, lake)
    kept = folders(lake, "snapshot")
    assert len(kept) == 3 and kept[-1].path == last["path"]
    assert [one.name for one in folders(lake, "snapshot", complete=False)] == [dead.name]
    kept[-1].remove()
    assert load_newest(lake).as_of == kept[-2].begun


def test_what_is_archived_on_s3_comes_back_whole(contents: Contents, own: Settings, s3: tuple[str, BaseClient]) -> None:
    lake, before = open_lake(own), contents.everything()
    done = archive(contents.driver, contents.place, lake, LATER, most=40)
    assert contents.ask("MATCH (e:Entity) WHERE e.mentions > 0 RETURN e") == []
    [folder] = folders(lake, "archive")
    files = folder.sizes()
    assert len(files) > 3 and all(files.values())
    assert objects(s3, lake) == {f"graph/archive/{folder.name}/{file}" for file in (*files, "manifest.json")}
    assert restore(contents.driver, contents.place, lake, ["e3"]).entities == 1
    assert restore(contents.driver, contents.place, lake).entities == done.entities - 1
    contents.ask("MATCH (e:Entity) REMOVE e.restored_at")
    assert contents.everything() == before


def test_a_lake_that_is_away_takes_nothing_out_of_the_graph(contents: Contents, own: Settings) -> None:
    minio = own.minio.model_copy(update={"endpoint": f"127.0.0.1:{free_ports(1)[0]}"})
    lake, before = open_lake(own.model_copy(update={"minio": minio})), contents.everything()
    for move in (archive, restore):
        with pytest.raises(StoreError, match=r"^cannot (list|create) s3a://[^\n]*$"):
            move(contents.driver, contents.place, lake, LATER if move is archive else ())
    with pytest.raises(StoreError, match=r"^cannot create s3a://[^\n]*$"):
        write_snapshot(contents.driver, contents.place, lake)
    assert contents.everything() == before


def test_a_refresh_reads_its_tables_on_s3(contents: Contents, own: Settings) -> None:
    lake = open_lake(own)
    link = {"entity_id": "e1", "into_id": "e0", "reason": "spelling", "confidence": 0.9, "period": "all"}
    options = lake.storage_options
    write_deltalake(lake.uri("entity_aliases"), pa.Table.from_pylist([link]), storage_options=options)
    done = Upkeep(own, lake).refresh()
    assert done.counts["entity_aliases_set"] == 1
    assert done.notes == ["the lake has no table communities yet", "the lake has no table relationships yet"]
    assert contents.ask("MATCH (a)-[:SAME_AS]->(e) RETURN a.id, e.id") == [["e1", "e0"]]
