"""The jars of Spark's plug-ins, of servers on a JVM and of the page: fetched once per user with PySpark's Ivy."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

from helix_pipeline.errors import ToolchainError
from helix_pipeline.local.jar_steps import compile_scala, pyspark_folder, unpack
from helix_pipeline.local.toolchain import java

ATTEMPTS = 2
"""A download is tried again once: a network error is often gone by then."""

_FETCH_TIMEOUT_S = 1200
_POLL_S = 0.2
_LARGE_BYTES = 16 << 20
_PATTERN = "[artifact]-[revision](-[classifier]).[ext]"
_BUILT_ON = {"spark-s3": "spark"}
_STAMP = ".complete.json"
_TROUBLE = ("not found", "exception", "failed")


def ensure_jars(conf: str, progress: Callable[[str], None] = lambda message: None) -> Path:
    """Folder with the jars of a configuration of ivy.xml (`spark`, `spark-s3`, `kafka`, `neo4j`, `trino`, `page`, ...).

    They are fetched if needed; Scala sources in the folder `<conf>` beside ivy.xml are compiled into one more.
    With HELIX_JARS set, `$HELIX_JARS/<conf>` is used as it is. Raises ToolchainError when jars cannot be had.
    """
    if os.environ.get("HELIX_JARS"):
        return _given_folder(conf)
    ivy_file = _ivy_file()
    digest = _digest(ivy_file, conf)
    folder = _cache() / "jars" / conf
    if conf in _BUILT_ON:
        ensure_jars(_BUILT_ON[conf], progress)
    with _locked(_cache() / "jars.lock"):
        if not _is_complete(folder, digest):
            _fetch(conf, ivy_file, folder, progress)
            _stamp(folder, digest)
    return folder


def jar_paths(conf: str) -> list[Path]:
    """All jars of a configuration, sorted by name; fetches them if needed, raises as `ensure_jars` does."""
    return sorted(ensure_jars(conf).glob("*.jar"))


def spark_jars(*paths: str) -> str:
    """Comma-separated jars of a Spark session that uses these paths: those of `spark-s3` too if one is on S3."""
    on_s3 = any(path.startswith(("s3a://", "s3://")) for path in paths)
    return ",".join(str(path) for conf in ("spark", "spark-s3")[: 1 + on_s3] for path in jar_paths(conf))


def _given_folder(conf: str) -> Path:
    folder = Path(os.environ["HELIX_JARS"]) / conf
    if not any(folder.rglob("*.jar")):
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


def _digest(ivy_file: Path, conf: str) -> str:
    """Digest of what a configuration is made of, so that a change of another one fetches nothing anew."""
    tree = ElementTree.parse(ivy_file)  # noqa: S314 - our own file
    confs = [conf, _BUILT_ON[conf]] if conf in _BUILT_ON else [conf]
    wanted = (one for name in confs for one in tree.iterfind(f"dependencies/dependency[@conf='{name}->default']"))
    parts = [ElementTree.tostring(one).strip() for one in wanted]
    return hashlib.sha256(b"".join([*parts, *(path.read_bytes() for path in _sources(ivy_file, conf))])).hexdigest()


def _sources(ivy_file: Path, conf: str) -> list[Path]:
    return sorted((ivy_file.parent / conf).glob("*.scala"))


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
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jar"))
    (folder / _STAMP).write_text(json.dumps({"ivy": digest, "jars": names}, indent=1))


def _fetch(conf: str, ivy_file: Path, folder: Path, progress: Callable[[str], None]) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    progress(f"fetching the jars of {conf}")
    command = _ivy_command(conf, ivy_file, partial)
    for _ in range(ATTEMPTS):
        problem = _run(command, lambda size: progress(f"fetching the jars of {conf}: {size >> 20:,} MB"))
        if problem is None:
            break
    else:
        raise ToolchainError(f"the jars of {conf} could not be fetched: {problem}; check the network, run again")
    _complete(conf, ivy_file, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _complete(conf: str, ivy_file: Path, fetched: Path) -> None:
    """Unpack what is an archive and compile what comes as source."""
    unpack(fetched)
    for unpacked in (_cache() / "ivy").glob("*/*/tar.gzs"):
        shutil.rmtree(unpacked)  # Ivy keeps what it fetched: too much where it is an archive that nobody needs again
    base = _cache() / "jars" / _BUILT_ON.get(conf, conf)
    compile_scala(_sources(ivy_file, conf), fetched, [*fetched.glob("*.jar"), *base.glob("*.jar")])


def _ivy_command(conf: str, ivy_file: Path, target: Path) -> list[str]:
    ivy_jar = next((pyspark_folder() / "jars").glob("ivy-*.jar"))
    settings = ivy_file.with_name("ivysettings.xml")
    files = ["-settings", str(settings), "-ivy", str(ivy_file), "-cache", str(_cache() / "ivy")]
    return [java(), "-jar", str(ivy_jar), *files, "-confs", conf, "-retrieve", str(target / _PATTERN)]


def _run(command: list[str], progress: Callable[[int], None]) -> str | None:
    """Run Ivy, and tell the bytes of the file that it fetches; None when all jars arrived, else its complaint."""
    with tempfile.TemporaryFile("w+") as output, subprocess.Popen(command, stdout=output, stderr=output) as ivy:
        deadline = time.monotonic() + _FETCH_TIMEOUT_S
        while ivy.poll() is None:
            if time.monotonic() > deadline:
                ivy.kill()
                return f"no answer within {_FETCH_TIMEOUT_S} s"
            if size := _arriving():
                progress(size)
            time.sleep(_POLL_S)
        output.seek(0)
        return None if ivy.returncode == 0 else _complaint(output.read())


def _arriving() -> int:
    """Bytes that are there of a large file under way; 0 where there is none."""
    with suppress(FileNotFoundError):  # Ivy has just renamed it
        sizes = [path.stat().st_size for path in (_cache() / "ivy").glob("*/*/*/*.part")]
        return max((size for size in sizes if size > _LARGE_BYTES), default=0)
    return 0


def _complaint(output: str) -> str:
    lines = [line.strip(" :\t") for line in output.splitlines()]
    telling = [line for line in lines if any(word in line.lower() for word in _TROUBLE)]
    return (telling or lines or ["Ivy failed without a word"])[0]
