"""The commands that docs/OPERATIONS.md gives against trouble: its blocks marked with `try` are run as they stand."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.stores.graph import driver, open_graph

pytestmark = pytest.mark.servers

DOCUMENT = (Path(__file__).parents[2] / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- try: ([\w ]+) -->\n```bash\n(.*?)```", DOCUMENT, re.DOTALL))


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Callable[[str], str]:
    """Run a block of the document on the session's servers, with a lake of the test's own."""
    own = settings.model_copy(update={"lake": settings.lake.model_copy(update={"root": str(tmp_path / "lake")})})
    write(own, tmp_path / "settings.yaml")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    port = str(settings.clickhouse.port)
    environment = {**os.environ, **variables(own, tmp_path / "settings.yaml"), "PATH": path, "CLICKHOUSE_PORT": port}

    def ran(name: str) -> str:
        command = ["bash", "-euo", "pipefail", "-c", BLOCKS[name]]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return ran


def test_the_sizes_of_the_tables_are_shown(run: Callable[[str], str]) -> None:
    shown = run("sizes of tables")
    sizes = dict(re.findall(r"│ (\w+)\s*│\s*([\d.]+ [KMG]?i?B)\s*│", shown))
    assert "schema_migrations" in sizes, shown


def test_missing_indexes_are_made_and_what_answers_without_neo4j_is_kept(
    run: Callable[[str], str], settings: Settings, tmp_path: Path
) -> None:
    named = set(re.findall(r"`(entity_\w+)`", DOCUMENT.partition("`SHOW INDEXES`")[2].partition("all `ONLINE`")[0]))
    with driver(open_graph(settings)) as connection:
        connection.execute_query("DROP INDEX entity_name")
        assert "topics and graph: ready" in run("indexes and snapshot")
        found = connection.execute_query("SHOW INDEXES YIELD name, state").records
    assert {one["name"] for one in found if one["state"] == "ONLINE"} >= named > {"entity_name"}
    assert list((tmp_path / "lake").iterdir())
