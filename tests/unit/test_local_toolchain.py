"""Java is found, and a missing or too old one is told in one line. The `java` here are small scripts."""

from pathlib import Path

import pytest

from helix_pipeline.errors import ToolchainError
from helix_pipeline.local.toolchain import java, trino_java


def fake_java(folder: Path, says: str, code: int = 0) -> Path:
    folder.mkdir(parents=True)
    script = folder / "java"
    script.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    script.chmod(0o755)
    return script


@pytest.fixture
def path_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds one folder, and no JAVA_HOME."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.mark.parametrize(
    "says",
    [
        'openjdk version "17.0.15" 2025-04-15',
        'java version "21" 2023-09-19 LTS',
        'openjdk version "25-ea" 2025',
    ],
)
def test_new_enough_java_is_taken_from_the_path(path_only: Path, says: str) -> None:
    script = fake_java(path_only, says)
    assert java() == str(script)


@pytest.mark.parametrize(
    ("says", "major"),
    [('java version "1.8.0_392"', "Java 8"), ('openjdk version "11.0.21" 2023-10-17', "Java 11")],
)
def test_too_old_java_is_named_with_what_to_install(path_only: Path, says: str, major: str) -> None:
    fake_java(path_only, says)
    with pytest.raises(ToolchainError, match=f"{major}: install Java 17 .*openjdk-17-jre-headless") as caught:
        java()
    assert "\n" not in str(caught.value)


def test_missing_java_says_what_to_install(path_only: Path) -> None:
    with pytest.raises(ToolchainError, match=r"no `java` on the PATH: .*openjdk-17-jre-headless"):
        java()


def test_java_that_does_not_run_is_told(path_only: Path) -> None:
    fake_java(path_only, "cannot load libjvm.so", code=1)
    with pytest.raises(ToolchainError, match="-version` failed"):
        java()


def test_java_home_wins_over_the_path(path_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(path_only, 'openjdk version "11.0.21"')
    chosen = fake_java(tmp_path / "jdk" / "bin", 'openjdk version "17.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert java() == str(chosen)


def test_wrong_java_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(ToolchainError, match=f"JAVA_HOME={tmp_path}/gone has no bin/java"):
        java()


def test_trino_takes_the_java_that_is_named_for_it(
    path_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java(path_only, 'openjdk version "26" 2026-03-17')
    script = fake_java(tmp_path / "jdk" / "bin", 'openjdk version "25.0.1" 2025-10-21')
    monkeypatch.setenv("TRINO_JAVA_HOME", str(tmp_path / "jdk"))
    assert trino_java() == str(script)


def test_trino_takes_the_newest_java_that_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRINO_JAVA_HOME", raising=False)
    fake_java(tmp_path / "home" / "bin", 'openjdk version "17.0.15" 2025-04-15')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    newest = fake_java(tmp_path / "jvm" / "a" / "bin", 'openjdk version "25" 2025-09-16')
    fake_java(tmp_path / "jvm" / "b" / "bin", 'openjdk version "24" 2025-03-18')
    assert trino_java(tmp_path / "jvm") == str(newest)


def test_java_that_is_too_old_for_trino_is_told_with_what_is_there(
    path_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRINO_JAVA_HOME", raising=False)
    with pytest.raises(ToolchainError, match=r"Trino needs Java 24 or newer: .* has none; .*TRINO_JAVA_HOME"):
        trino_java(tmp_path / "jvm")
    fake_java(tmp_path / "jdk" / "bin", 'openjdk version "17.0.15" 2025-04-15')
    monkeypatch.setenv("TRINO_JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(ToolchainError, match=rf"newer: TRINO_JAVA_HOME={tmp_path}/jdk has 17; install"):
        trino_java()
