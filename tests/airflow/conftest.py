"""Airflow in processes of its own, so that its global state stays out of the other tests; small lakes for its DAGs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lakes
import pytest

from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.domain.sample.corpus import generate

ROOT = Path(__file__).parents[2]

RunAirflow = Callable[..., Any]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the bundled sample corpus as files."""
    folder = tmp_path_factory.mktemp("corpus")
    events = generate(7, conversations=24, debates=8, provider_calls=120)
    (folder / "events.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in events))
    return folder


@pytest.fixture(scope="session")
def lake_root(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> str:
    """A lake of the corpus that the DAGs of this session write to as well."""
    return lakes.build(tmp_path_factory.mktemp("airflow") / "lake", [corpus], LAKE_TABLES)


@pytest.fixture(scope="session")
def run_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunAirflow]:
    """Run a script of this folder with an Airflow database of its own; returns the JSON of its last line."""
    home = tmp_path_factory.mktemp("airflow_home")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HELIX"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=60",
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(
            {"conn_type": "spark", "host": "local[2]", "extra": {"deploy-mode": "client"}}
        ),
        "HELIX_HOME": str(home / "helix"),
        # Each task's JVM runs for seconds: optimised code would take more of the processor than it gives back.
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1",
    }

    def run(script: str, *arguments: str, timeout_s: float = 850, **variables: str) -> Any:
        command = [sys.executable, str(Path(__file__).parent / script), *arguments]
        done = subprocess.run(
            command,
            env=environment | variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    yield run
