"""A standalone Spark cluster on loopback: a master, workers of one core, and jobs that bring their code as a wheel.

The cluster's Python has the packages of this environment but not helix_pipeline: it comes with the job or not at all.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pyspark
from ports import free_ports

ROOT = Path(__file__).parents[1]
SPARK = Path(pyspark.__file__).parent
READY_S = 60
JOB_S = 300
STOP_S = 10

DAEMON = {
    "SPARK_HOME": str(SPARK),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_NO_DAEMONIZE": "1",
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
}


@dataclass(frozen=True)
class Done:
    """How a job ended, and for each executor with how many tasks it went through."""

    code: int
    output: str
    tasks: dict[str, int]


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its address, the Python of its jobs, and a folder for what they leave behind."""

    master: str
    python: Path
    folder: Path

    def submit(self, job: Path, *arguments: str, wheel: Path | None, jars: str, environment: Mapping[str, str]) -> Done:
        """Run a job in client mode on all cores; it begins when every executor is there."""
        events = self.folder / "events"
        events.mkdir(exist_ok=True)
        conf = {
            "spark.pyspark.python": str(self.python),
            "spark.pyspark.driver.python": str(self.python),
            "spark.executor.cores": "1",
            "spark.cores.max": "2",
            "spark.driver.memory": "1g",
            "spark.scheduler.minRegisteredResourcesRatio": "1",
            "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{READY_S}s",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": events.as_uri(),
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
        }
        command = [str(SPARK / "bin" / "spark-submit"), "--master", self.master, "--jars", jars]
        command += ["--properties-file", str(ROOT / "spark-conf" / "spark-defaults.conf")]
        command += [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
        command += ["--py-files", str(wheel)] if wheel else []
        log = self.folder / "job.log"
        with started([*command, str(job), *arguments], log, self.folder, environment) as process:
            code = process.wait(JOB_S)
        return Done(code, log.read_text(errors="replace"), tasks_by_executor(events))


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Run a cluster whose files are under `folder`; all of its processes are gone at the end."""
    python = python_without_the_project(folder / "python")
    port, ui_port = free_ports(2)
    master = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:
        place = ["--port", str(port), "--webui-port", str(ui_port)]
        stack.enter_context(daemon("master.Master", folder / "master", *place))
        for number in range(workers):
            home = folder / f"worker-{number}"
            size = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(home), master]
            stack.enter_context(daemon("worker.Worker", home, *size))
        wait_for_workers(f"http://127.0.0.1:{ui_port}/json/", workers, folder)
        yield Cluster(master, python, folder)


@contextmanager
def daemon(name: str, home: Path, *arguments: str) -> Iterator[psutil.Popen]:
    home.mkdir()
    command = [str(SPARK / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
    with started(command, home / "daemon.log", home, {}) as process:
        yield process


@contextmanager
def started(command: list[str], log: Path, home: Path, environment: Mapping[str, str]) -> Iterator[psutil.Popen]:
    """Run a process that writes to `log`; at the end it and its descendants are stopped, also after a failure."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYSPARK", "SPARK"))}
    with log.open("wb") as output:
        process = psutil.Popen(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=inherited | DAEMON | environment,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: psutil.Popen) -> None:
    family = [process]
    with suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for member in family:
            with suppress(psutil.NoSuchProcess):
                end(member)
        _, family = psutil.wait_procs(family, timeout=STOP_S)
    assert not family, f"still running: {family}"


def wait_for_workers(url: str, count: int, folder: Path) -> None:
    deadline = time.monotonic() + READY_S
    while alive_workers(url) < count:
        logs = "\n".join(path.read_text(errors="replace") for path in folder.glob("*/daemon.log"))
        assert time.monotonic() < deadline, f"no {count} workers after {READY_S} s\n{logs}"
        time.sleep(0.2)


def alive_workers(url: str) -> int:
    try:
        with urlopen(url, timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])
    except (URLError, ConnectionError, TimeoutError, json.JSONDecodeError):  # its first answers may be pages
        return 0


def tasks_by_executor(folder: Path) -> dict[str, int]:
    """Count the successful tasks of all jobs in Spark's event logs."""
    lines = [line for path in folder.iterdir() for line in path.read_text().splitlines()]
    events = [json.loads(line) for line in lines if '"SparkListenerTaskEnd"' in line]
    return dict(Counter(e["Task Info"]["Executor ID"] for e in events if e["Task End Reason"]["Reason"] == "Success"))


def python_without_the_project(folder: Path) -> Path:
    """Make an environment that sees this one's packages, but not helix_pipeline, which is installed by a .pth file."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(f"{SPARK.parent}\n")
    return folder / "bin" / "python"


def build_wheel(folder: Path) -> Path:
    """Build the project's wheel from a copy, so that nothing is left in the checkout."""
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "helix_pipeline", source / "helix_pipeline", ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", str(folder), str(source)], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    return wheel
