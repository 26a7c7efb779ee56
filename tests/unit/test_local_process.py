"""A server process is told apart from a stale and from a reused pid, and is stopped in bounded time."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from helix_pipeline.local.process import ServerProcess

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""

LARGE = """
import time
held = bytearray(b"x") * (1 << 30)
print("up", flush=True)
time.sleep(60)
"""
"""It takes tens of milliseconds to end: its memory is given up first, its ports and files after that."""


@pytest.fixture
def process(tmp_path: Path) -> ServerProcess:
    return ServerProcess("thing", tmp_path)


def write_record(process: ServerProcess, **changes: object) -> None:
    """A pid file that names this test process, changed in one respect."""
    me = psutil.Process()
    record = {"pid": me.pid, "create_time": me.create_time(), "command": me.cmdline()}
    process.pid_file.parent.mkdir(parents=True, exist_ok=True)
    process.pid_file.write_text(json.dumps({**record, **changes}))


def wait_for_log(process: ServerProcess, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in process.log_path.read_text():
        assert time.monotonic() < deadline, process.log_path.read_text()
        time.sleep(0.02)


def test_a_started_process_is_found_again_and_stopped(process: ServerProcess) -> None:
    process.start(["sleep", "60"], {})
    found = ServerProcess("thing", process.pid_file.parents[1]).find()
    assert found is not None
    assert os.getsid(found.pid) == found.pid, "it must outlive the terminal of this process"
    assert process.stop()
    assert process.find() is None
    assert not process.pid_file.exists()
    assert not process.stop()


def test_a_killed_process_leaves_a_stale_pid_file(process: ServerProcess) -> None:
    process.start(["sleep", "60"], {})
    found = process.find()
    assert found is not None
    found.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while process.find() is not None:
        assert time.monotonic() < deadline
    assert process.pid_file.exists()


def test_a_killed_process_that_still_gives_up_its_memory_is_not_found_and_is_waited_for(process: ServerProcess) -> None:
    process.start([sys.executable, "-c", LARGE], {})
    wait_for_log(process, "up")
    found = process.find()
    assert found is not None
    found.send_signal(signal.SIGKILL)
    while found.status() != psutil.STATUS_ZOMBIE and found.cmdline():
        pass
    assert process.find() is None
    process.await_end()
    assert found.status() == psutil.STATUS_ZOMBIE


def test_the_record_of_a_live_process_is_believed(process: ServerProcess) -> None:
    write_record(process)
    assert process.find() == psutil.Process()


@pytest.mark.parametrize("changes", [{"create_time": 1.0e9}, {"command": ["java", "kafka.Kafka"]}])
def test_a_reused_pid_is_not_ours_and_is_not_stopped(process: ServerProcess, changes: dict[str, object]) -> None:
    write_record(process, **changes)
    assert process.find() is None
    assert not process.stop(), "this very process would have been stopped"


@pytest.mark.parametrize("text", ["", "123", "{}", '{"pid": 1'])
def test_a_broken_pid_file_is_no_process(process: ServerProcess, text: str) -> None:
    process.pid_file.parent.mkdir()
    process.pid_file.write_text(text)
    assert process.find() is None


def test_a_process_that_ignores_term_is_killed(process: ServerProcess) -> None:
    process.start([sys.executable, "-c", STUBBORN], {})
    wait_for_log(process, "up")
    found = process.find()
    assert found is not None
    assert process.stop(timeout_s=0.3)
    assert not found.is_running() or found.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed before"])
def test_what_a_process_started_ends_with_it(process: ServerProcess, killed: bool) -> None:
    own_group = "import os, time; os.setpgid(0, 0); print('child', flush=True); time.sleep(60)"
    process.start(["sh", "-c", f'{sys.executable} -c "{own_group}" & wait'], {})
    wait_for_log(process, "child")
    leader = process.find()
    assert leader is not None
    (child,) = leader.children()
    if killed:
        leader.kill()
        psutil.wait_procs([leader], timeout=5)
    process.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not process.pid_file.exists()


def test_the_environment_reaches_the_process_and_not_its_command_line(process: ServerProcess) -> None:
    process.start(["sh", "-c", "echo secret is $SECRET; sleep 60"], {"SECRET": "s3same"})
    wait_for_log(process, "secret is s3same")
    found = process.find()
    assert found is not None
    assert "s3same" not in " ".join(found.cmdline())
    process.stop()


def test_the_gist_of_a_log_is_its_trouble(process: ServerProcess) -> None:
    process.log_path.parent.mkdir()
    process.log_path.write_text("starting\nERROR port in use\nshutting down\nbye\n")
    assert process.log_gist() == "ERROR port in use"
    process.log_path.write_text("starting\nbye\n")
    assert process.log_gist() == "starting | bye"
