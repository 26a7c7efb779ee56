"""What is done once with fetched jars before they are used: Trino's archive is unpacked, Scala sources are compiled."""

import importlib.util
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from helix_pipeline.errors import ToolchainError
from helix_pipeline.local.toolchain import java

_WANTED = ("lib", "plugin/delta-lake")
"""What Trino needs to read Delta tables; its other plug-ins are twice as large again."""

_JVM_NOTE = "Picked up "
"""How a JVM begins the line in which it says that it took options from the environment."""

_COMPILE_TIMEOUT_S = 180


def unpack(folder: Path) -> None:
    """Replace the archive in a folder, if there is one, by its parts that are wanted.

    Files are shared between plug-ins by hard links, so that everything has to come out before the rest can go.
    """
    for archive in folder.glob("*.tar.gz"):
        everything = folder / "everything"
        with tarfile.open(archive) as tar:
            tar.extractall(everything, filter="data")
        (top,) = everything.iterdir()
        for name in _WANTED:
            (folder / name).parent.mkdir(exist_ok=True)
            (top / name).rename(folder / name)
        shutil.rmtree(everything)
        archive.unlink()


def compile_scala(sources: Sequence[Path], folder: Path, libraries: Sequence[Path]) -> None:
    """Compile sources, if there are any, into `<folder>/<name of the first>.jar`, with the compiler inside PySpark.

    Raises ToolchainError with the compiler's first line where that fails.
    """
    if not sources:
        return
    target = folder / f"{sources[0].stem}.jar"
    classes = ":".join([f"{pyspark_folder()}/jars/*", *(str(path) for path in libraries)])
    command = [java(), "-cp", classes, "scala.tools.nsc.Main", "-usejavacp", "-d", str(target)]
    try:
        done = subprocess.run(
            [*command, *map(str, sources)], capture_output=True, text=True, timeout=_COMPILE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"compiling {sources[0].name} took longer than {_COMPILE_TIMEOUT_S} s") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line and not line.startswith(_JVM_NOTE)]
        raise ToolchainError(f"{sources[0].name} could not be compiled: {(said or ['no word why'])[0]}")


def pyspark_folder() -> Path:
    """Folder of the installed PySpark. Raises ToolchainError where there is none."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ToolchainError(
            "PySpark, which ships Ivy and the Scala compiler, is not installed: install requirements.lock"
        )
    return Path(spec.origin).parent
