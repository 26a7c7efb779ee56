"""Where jobs may read and write: the lake's root and the roots that the settings allow besides."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from helix_pipeline.errors import UsageError
from helix_pipeline.settings import Settings

_S3 = ("s3", "s3a")
_FORBIDDEN = re.compile(r"[\x00-\x1f*?\[\]{}\\]")
"""Characters that Hadoop's paths read as patterns, or that no path of a lake has."""


class OutsideRootsError(UsageError):
    """A path that is under none of the roots."""


def allowed(settings: Settings, path: str) -> str:
    """Return a path as jobs take it: a folder without links and `..`, or an `s3a://` URL.

    Where the lake is a folder, `s3://<minio.bucket>/…` names it. Raises UsageError for what is no such path,
    OutsideRootsError for one that is outside the lake and `jobs.allowed_roots`.
    """
    found = _normal(_under_lake(settings, path))
    roots = [_normal(root) for root in (settings.lake_root, *settings.jobs.allowed_roots)]
    if not any(found == root or found.startswith(f"{root.rstrip('/')}/") for root in roots):
        raise OutsideRootsError(f"{path!r} is outside the allowed roots: {', '.join(roots)}")
    return found


def _under_lake(settings: Settings, path: str) -> str:
    url = urlsplit(path) if _FORBIDDEN.search(path) is None else urlsplit("")
    is_bucket = url.scheme in _S3 and url.netloc == settings.minio.bucket
    if is_bucket and urlsplit(settings.lake_root).scheme not in _S3:
        return f"{settings.lake_root}{url.path}"
    return path


def _normal(path: str) -> str:
    if _FORBIDDEN.search(path):
        raise UsageError(f"{path!r} has a character that paths of a lake do not have")
    scheme, colon, rest = path.partition(":")
    if scheme in _S3 and colon:
        return _s3(rest)
    if scheme == "file" and colon:
        path = "/" + rest.lstrip("/")
    if not path.startswith("/"):
        raise UsageError(f"{path!r} is neither an absolute path nor an s3:// URL")
    return str(Path(path).resolve())


def _s3(rest: str) -> str:
    bucket, *parts = rest.removeprefix("//").rstrip("/").split("/")
    if not rest.startswith("//") or not bucket or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"{'s3:' + rest!r} is no s3://bucket/prefix without `.` and `..`")
    return "/".join(("s3a:/", bucket, *parts))
