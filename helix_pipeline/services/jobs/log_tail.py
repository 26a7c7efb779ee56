"""The end of a log file: its last lines, and the line that says what went wrong."""

import os
import re
from pathlib import Path

MAX_BYTES = 1 << 20
"""What is read from the end of a log at most."""

_TROUBLE = re.compile(r"^[\w.]*(Error|Exception)\b|: error:|^\w+: ")
_MAX_LINE = 2000


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a file, of its last MiB at most; nothing where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_BYTES))
            found = file.read(MAX_BYTES).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "".join(f"{line}\n" for line in found[-lines:])


def last_words(path: Path) -> str:
    """Return the last line that looks like an error, else the last line; empty where nothing was written."""
    said = [line.strip() for line in tail(path, 200).splitlines() if line.strip()]
    trouble = [line for line in said if _TROUBLE.search(line)]
    return (trouble or said or [""])[-1][:_MAX_LINE]
