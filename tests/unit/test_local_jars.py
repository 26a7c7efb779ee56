"""Jars are fetched once, again when ivy.xml or a file changed, and a failing network is tried twice.

The `java` here is a script that does what Ivy does: it puts files where `-retrieve` says, or fails.
"""

import io
import json
import tarfile
from pathlib import Path

import pytest

from helix_pipeline.errors import ToolchainError
from helix_pipeline.local.jar_steps import compile_scala, unpack
from helix_pipeline.local.jars import ensure_jars, jar_paths, spark_jars

IVY = """#!/bin/sh
if [ "$1" = -version ]; then echo 'openjdk version "17.0.1"' >&2; exit 0; fi
echo run >> {runs}
[ "$(wc -l < {runs})" -le {failures} ] && {{ echo '  :::: module not found: helix#jars'; exit 1; }}
for last; do :; done
mkdir -p "$(dirname "$last")"
echo jar > "$(dirname "$last")/thing-1.0.jar"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HELIX_JARS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "helix-pipeline" / "jars"


def use_ivy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int) -> Path:
    """Install the script as Java; returns the file that gets a line per run of Ivy."""
    script = tmp_path / f"jdk-{failures}" / "bin" / "java"
    script.parent.mkdir(parents=True)
    runs = tmp_path / "runs"
    runs.touch()
    script.write_text(IVY.format(runs=runs, failures=failures))
    script.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(script.parents[1]))
    return runs


def count(runs: Path) -> int:
    return len(runs.read_text().splitlines())


def test_jars_are_fetched_once_into_the_users_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = use_ivy(tmp_path, monkeypatch, failures=0)
    said: list[str] = []
    assert ensure_jars("kafka", said.append) == cache / "kafka"
    assert jar_paths("kafka") == [cache / "kafka" / "thing-1.0.jar"]
    assert (count(runs), said) == (1, ["fetching the jars of kafka"])


@pytest.mark.parametrize("damage", ["jar", "stamp"])
def test_jars_are_fetched_again_when_a_file_is_gone_or_ivy_xml_changed(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    runs = use_ivy(tmp_path, monkeypatch, failures=0)
    folder = ensure_jars("kafka")
    if damage == "jar":
        (folder / "thing-1.0.jar").unlink()
    else:
        (folder / ".complete.json").write_text(json.dumps({"ivy": "another", "jars": ["thing-1.0.jar"]}))
    assert jar_paths("kafka") == [folder / "thing-1.0.jar"]
    assert count(runs) == 2


def test_a_failed_download_is_tried_once_more(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = use_ivy(tmp_path, monkeypatch, failures=1)
    assert [path.name for path in jar_paths("neo4j")] == ["thing-1.0.jar"]
    assert count(runs) == 2


def test_a_download_that_keeps_failing_is_told_in_ivys_words(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = use_ivy(tmp_path, monkeypatch, failures=9)
    with pytest.raises(ToolchainError, match="jars of kafka could not be fetched: module not found: helix#jars"):
        ensure_jars("kafka")
    assert count(runs) == 2
    assert not (cache / "kafka").exists()


def test_helix_jars_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIX_JARS", str(tmp_path))
    (tmp_path / "spark").mkdir()
    with pytest.raises(ToolchainError, match=f"no jars in {tmp_path}/spark: .*HELIX_JARS"):
        ensure_jars("spark")
    (tmp_path / "spark" / "a.jar").touch()
    assert ensure_jars("spark") == tmp_path / "spark"


def test_paths_on_s3_add_their_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIX_JARS", str(tmp_path))
    for name in ("spark/a.jar", "spark/b.jar", "spark-s3/c.jar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    local = f"{tmp_path}/spark/a.jar,{tmp_path}/spark/b.jar"
    assert spark_jars() == spark_jars("/lake", "file:///lake") == local
    assert spark_jars("/in", "s3a://bucket/out") == spark_jars("s3://b/x") == f"{local},{tmp_path}/spark-s3/c.jar"


def test_of_trinos_archive_the_parts_that_read_the_lake_are_kept(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "trino-server-1.tar.gz", "w:gz") as tar:
        for name in ("lib/a.jar", "plugin/hive/shared.jar", "bin/launcher"):
            member = tarfile.TarInfo(f"trino-server-1/{name}")
            member.size = 3
            tar.addfile(member, io.BytesIO(b"jar"))
        link = tarfile.TarInfo("trino-server-1/plugin/delta-lake/shared.jar")
        link.type, link.linkname = tarfile.LNKTYPE, "trino-server-1/plugin/hive/shared.jar"
        tar.addfile(link)
    unpack(tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"lib/a.jar", "plugin/delta-lake/shared.jar"}
    assert (tmp_path / "plugin" / "delta-lake" / "shared.jar").read_bytes() == b"jar"


def test_scala_that_does_not_compile_is_told_in_the_compilers_words(tmp_path: Path) -> None:
    source = tmp_path / "Broken.scala"
    source.write_text("class Broken { def x: Int = nothing }")
    with pytest.raises(ToolchainError, match=r"Broken\.scala could not be compiled: .*not found: value nothing"):
        compile_scala([source], tmp_path, [])
