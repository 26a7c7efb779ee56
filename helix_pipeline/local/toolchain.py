"""Java: which one is used, and whether it is new enough for Spark, Kafka and Neo4j."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from helix_pipeline.errors import ToolchainError

MINIMUM_JAVA = 17
_INSTALL = f"install Java {MINIMUM_JAVA} or newer (Debian: apt install openjdk-17-jre-headless) or set JAVA_HOME"
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
