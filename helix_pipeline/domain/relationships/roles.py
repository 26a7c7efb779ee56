"""What things stand in for each other: who prefers one editor leaves the other editors, but not version control."""

from functools import cache
from importlib import resources

from helix_pipeline.domain.entities.resolution.known import known_entities


def kind_of(id: str, type: str, subtype: str) -> str:
    """Return what an entity is used as (`roles.tsv`), else its sub-type, else its type.

    It follows from the entity alone, so that it does not depend on what else is known or when.
    """
    return roles().get(id) or subtype or type


@cache
def roles() -> dict[str, str]:
    """Return what known entities are used as, by their ids. Raises KeyError for a name that is not known."""
    ids = {entry.name: entry.id for entry in known_entities()}
    table = resources.files(__package__).joinpath("roles.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {ids[name]: role for role, names in rows for name in names.split("|")}
