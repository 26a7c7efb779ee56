"""What the protocol must know of a statement: rows that follow an INSERT, SET, USE, the output format."""

import re
from typing import NamedTuple

_NAME = rb"(?:`[^`]+`|\"[^\"]+\"|\w+)"
_SETTING = rb"\w+\s*=\s*(?:'(?:[^'\\]|\\.)*'|[\w.+-]+)"
_INSERT = re.compile(
    rb"\s*(INSERT\s+INTO\s+(?:TABLE\s+)?" + _NAME + rb"(?:\." + _NAME + rb")?"
    rb"(?:\s*\((?:[^()`\"]|`[^`]*`|\"[^\"]*\")*\))?"
    rb"(?:\s+SETTINGS\s+" + _SETTING + rb"(?:\s*,\s*" + _SETTING + rb")*)?)"
    rb"\s+FORMAT\s+(\w+)[ \t]*(?:\r?\n)?",
    re.IGNORECASE,
)
_TAIL_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^;]*)?;?\s*$", re.IGNORECASE)
_READS = re.compile(r"\s*(?:SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN|CHECK|\()\b", re.IGNORECASE)
_SETS = re.compile(r"\s*SET\s", re.IGNORECASE)
_USE = re.compile(r"\s*USE\s+[`\"]?(\w+)[`\"]?\s*;?\s*$", re.IGNORECASE)


class InsertHead(NamedTuple):
    """`INSERT INTO …` without its FORMAT, the format's name, and where the rows begin in the statement."""

    sql: str
    format: str
    rows_at: int


def insert_head(statement: bytes) -> InsertHead | None:
    """The head of an `INSERT … FORMAT name` whose rows follow; None for VALUES, SELECT and all else."""
    found = _INSERT.match(statement)
    return InsertHead(found[1].decode(), found[2].decode(), found.end()) if found else None


def output_format(sql: str, default: str) -> str | None:
    """The format of the rows that a statement gives back; None when it gives none."""
    if not _READS.match(sql):
        return None
    found = _TAIL_FORMAT.search(sql)
    return found[1] if found else default


def changes_settings(sql: str) -> bool:
    """Whether a statement changes the settings of its session."""
    return _SETS.match(sql) is not None


def used_database(sql: str) -> str | None:
    """The database that a USE statement changes to."""
    found = _USE.match(sql)
    return found[1] if found else None
