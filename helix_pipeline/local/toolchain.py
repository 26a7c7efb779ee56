"""Java: which one is used, and whether it is new enough for Spark, Kafka and Neo4j, or for Trino."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from helix_pipeline.errors import ToolchainError

MINIMUM_JAVA = 17
_INSTALL = f"install Java {MINIMUM_JAVA} or newer (Debian: apt install openjdk-17-jre-headless) or set JAVA_HOME"
MINIMUM_TRINO_JAVA = 24
JVM_FOLDER = Path("/usr/lib/jvm")
"""Where Linux distributions put Java."""

_INSTALL_TRINO = "install one (Debian: apt install temurin-25-jdk, or openjdk-25-jre-headless) or set TRINO_JAVA_HOME"
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def java() -> str:
    """Path of a Java that is new enough: from JAVA_HOME if set, else from PATH.

    Raises ToolchainError in one line when there is none, it does not run, or it is too old.
    """
    path = _find_java()
    major = _major_version(path)
    if major < MINIMUM_JAVA:
        raise ToolchainError(f"{path} is Java {major}: {_INSTALL}")
    return path


def trino_java(jvm_folder: Path = JVM_FOLDER) -> str:
    """Path of a Java for Trino: from TRINO_JAVA_HOME if set, else JAVA_HOME, PATH or the newest under /usr/lib/jvm.

    Raises ToolchainError in one line when none of them is new enough.
    """
    home = os.environ.get("TRINO_JAVA_HOME")
    places = [Path(home)] if home else [*_usual_home(), *sorted(jvm_folder.glob("*"))]
    found = {place / "bin" / "java": 0 for place in places if (place / "bin" / "java").is_file()}
    found = {path: _major_version(str(path)) for path in found}
    best = max(found, key=lambda path: found[path], default=None)
    if best is None or found[best] < MINIMUM_TRINO_JAVA:
        have = ", ".join(sorted({str(major) for major in found.values()})) or "none"
        where = f"TRINO_JAVA_HOME={home}" if home else f"JAVA_HOME, PATH and {jvm_folder}"
        raise ToolchainError(f"Trino needs Java {MINIMUM_TRINO_JAVA} or newer: {where} has {have}; {_INSTALL_TRINO}")
    return str(best)


def _usual_home() -> list[Path]:
    try:
        return [Path(_find_java()).resolve().parents[1]]
    except ToolchainError:
        return []


def _find_java() -> str:
    home = os.environ.get("JAVA_HOME")
    if home:
        path = Path(home) / "bin" / "java"
        if not path.is_file():
            raise ToolchainError(f"JAVA_HOME={home} has no bin/java: correct it, unset it, or {_INSTALL}")
        return str(path)
    found = shutil.which("java")
    if found is None:
        raise ToolchainError(f"no `java` on the PATH: {_INSTALL}")
    return found


@cache
def _major_version(path: str) -> int:
    try:
        done = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError(f"`{path} -version` failed ({type(error).__name__}): {_INSTALL}") from None
    found = _VERSION.search(done.stderr + done.stdout)
    if found is None:
        raise ToolchainError(f"`{path} -version` prints no version: {_INSTALL}")
    return int(found[1])
