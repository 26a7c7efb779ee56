"""Which functions a free query may call: a list of names, and the combinators that aggregate functions may end in.

Left out are functions that read something else than their arguments (files, dictionaries, other tables, the server, its
settings and users), that wait, that make much out of little (`range`, `repeat`, edit distances), and that take the name
of a function or of a type as text.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

COMBINATORS = ("Array", "ArgMax", "ArgMin", "Distinct", "ForEach", "If", "Map", "Merge", "OrDefault", "OrNull", "State")
"""What an allowed aggregate function may end in. `Resample` is not here: a short call of it makes a huge state."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_COMBINATORS = 4


@cache
def listed() -> dict[str, str]:
    """Return every listed function, spelt as ClickHouse spells it, with its group."""
    text = resources.files(__package__).joinpath("allowed_functions.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {name: group for group, names in rows for name in names.split()}


def is_allowed(name: str) -> bool:
    """Whether a function of this name may be called, in whatever case it is written."""
    if not _NAME.fullmatch(name):
        return False
    return name.lower() in _lowered() or is_aggregate(name)


def is_aggregate(name: str) -> bool:
    """Whether a name is that of an allowed aggregate function, with or without combinators."""
    return any(_lowered().get(base.lower()) == "aggregate" for base in _bases(name, _MOST_COMBINATORS))


@cache
def _lowered() -> dict[str, str]:
    return {name.lower(): group for name, group in listed().items()}


def _bases(name: str, most: int) -> Iterator[str]:
    yield name
    if most:
        for ending in COMBINATORS:
            if name.endswith(ending) and len(name) > len(ending):
                yield from _bases(name.removesuffix(ending), most - 1)
