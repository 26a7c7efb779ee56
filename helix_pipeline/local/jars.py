"""The jars of Spark's plug-ins, Kafka and Neo4j: fetched once per user with the Ivy that ships in PySpark."""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from helix_pipeline.errors import ToolchainError
from helix_pipeline.local.toolchain import java

ATTEMPTS = 2
"""A download is tried again once: a network error is often gone by then."""

_FETCH_TIMEOUT_S = 600
_PATTERN = "[artifact]-[revision](-[classifier]).[ext]"
_STAMP = ".complete.json"
_TROUBLE = ("not found", "exception", "failed")


def ensure_jars(conf: str, progress: Callable[[str], None] = lambda message: None) -> Path:
    """Folder with the jars of a configuration of ivy.xml (`spark`, `kafka`, `neo4j`); fetched if needed.

    With HELIX_JARS set, `$HELIX_JARS/<conf>` is used as it is. Raises ToolchainError when jars cannot be had.
    """
    if os.environ.get("HELIX_JARS"):
        return _given_folder(conf)
    ivy_file = _ivy_file()
    digest = hashlib.sha256(ivy_file.read_bytes()).hexdigest()
    folder = _cache() / "jars" / conf
    with _locked(_cache() / "jars.lock"):
        if not _is_complete(folder, digest):
            progress(f"fetching the jars of {conf}")
            _fetch(conf, ivy_file, folder)
            _stamp(folder, digest)
    return folder


def jar_paths(conf: str) -> list[Path]:
    """All jars of a configuration, sorted by name; fetches them if needed, raises as `ensure_jars` does."""
    return sorted(ensure_jars(conf).glob("*.jar"))


def _given_folder(conf: str) -> Path:
    folder = Path(os.environ["HELIX_JARS"]) / conf
    if not any(folder.glob("*.jar")):
        raise ToolchainError(f"no jars in {folder}: fill it, or unset HELIX_JARS to have them fetched")
    return folder


def _ivy_file() -> Path:
    places = [Path(__file__).parents[2] / "spark-conf", Path.cwd() / "spark-conf"]
    for place in places:
        if (place / "ivy.xml").is_file():
            return place / "ivy.xml"
    looked = ", ".join(str(place) for place in places)
    raise ToolchainError(f"no ivy.xml in {looked}: run in a checkout, or set HELIX_JARS to a folder of jars")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "helix-pipeline"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes: two fetches must not write one folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_complete(folder: Path, digest: str) -> bool:
    try:
        stamp = json.loads((folder / _STAMP).read_text())
    except (OSError, ValueError):
        return False
    return bool(stamp["ivy"] == digest) and all((folder / name).is_file() for name in stamp["jars"])


def _stamp(folder: Path, digest: str) -> None:
    names = sorted(path.name for path in folder.glob("*.jar"))
    (folder / _STAMP).write_text(json.dumps({"ivy": digest, "jars": names}, indent=1))


def _fetch(conf: str, ivy_file: Path, folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = _ivy_command(conf, ivy_file, partial)
    for _ in range(ATTEMPTS):
        problem = _run(command)
        if problem is None:
            break
    else:
        raise ToolchainError(f"the jars of {conf} could not be fetched: {problem}; check the network, run again")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _ivy_command(conf: str, ivy_file: Path, target: Path) -> list[str]:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ToolchainError("PySpark, which ships Ivy, is not installed: install requirements.lock")
    ivy_jar = next((Path(spec.origin).parent / "jars").glob("ivy-*.jar"))
    settings = ivy_file.with_name("ivysettings.xml")
    files = ["-settings", str(settings), "-ivy", str(ivy_file), "-cache", str(_cache() / "ivy")]
    return [java(), "-jar", str(ivy_jar), *files, "-confs", conf, "-retrieve", str(target / _PATTERN)]


def _run(command: list[str]) -> str | None:
    """Run Ivy; None when all jars arrived, else what it complained about."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {_FETCH_TIMEOUT_S} s"
    if done.returncode == 0:
        return None
    lines = [line.strip(" :\t") for line in (done.stdout + done.stderr).splitlines()]
    telling = [line for line in lines if any(word in line.lower() for word in _TROUBLE)]
    return (telling or lines or ["Ivy failed without a word"])[0]
