"""The knowledge graph on the terminal: tables, with a bar for the strength of each relation."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from helix_pipeline.cli.context_output import clean

if TYPE_CHECKING:
    from helix_pipeline.domain.knowledge.answers import EntityDetails, EntityName, Found, Path, Related, Relation

BAR = 12
"""Characters of a full bar."""

_VERBS = {"co_occurs_with": "is named with"}
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float) -> str:
    """Return a bar of `BAR` characters for a share in [0, 1], exact to an eighth of one."""
    eighths = round(max(0.0, min(share, 1.0)) * BAR * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(BAR)


def print_related(entity: "EntityName", related: "Sequence[Related]") -> None:
    """Print what is related to an entity."""
    names = {entity.id: entity.name}
    for one in related:
        names |= {one.id: one.name} | {other.id: other.name for other in one.via}
    rows = (
        (bar(one.strength), f"{one.strength:.2f}", one.name, _kind(one), _ways(one.relations, names)) for one in related
    )
    _print(f"{entity.name} ({entity.id})", ("", "strength", "entity", "type", "by"), rows)


def print_found(found: "Sequence[Found]") -> None:
    """Print entities that a search found."""
    rows = ((bar(one.score), one.name, _kind(one), f"{one.mentions:,}", _as(one), one.id) for one in found)
    _print("", ("", "entity", "type", "mentions", "found as", "id"), rows)


def print_path(found: "Path") -> None:
    """Print a way from one entity to another, a relation a line."""
    names = {one.id: one.name for one in found.entities}
    rows = ((bar(one.strength), f"{one.strength:.2f}", _sentence(one, names)) for one in found.relations)
    _print(" — ".join(one.name for one in found.entities), ("", "strength", "relation"), rows)


def print_details(found: "EntityDetails") -> None:
    """Print what is known of an entity."""
    names = {found.id: found.name} | {one.id: one.name for one in found.others}
    seen = f"{found.first_seen:%Y-%m-%d} to {found.last_seen:%Y-%m-%d}" if found.first_seen and found.last_seen else ""
    about = {
        "id": found.id,
        "type": _kind(found),
        "mentions": f"{found.mentions:,} in {found.messages:,} messages",
        "seen": seen,
        "community": "" if found.community is None else str(found.community),
    }
    _print(found.name, ("", ""), about.items())
    _print("other names", ("name", "why", ""), ((one.name, one.reason, one.id or "") for one in found.aliases))
    stated = ((_sentence(one, names), _during(one), f"{one.strength:.2f}") for one in found.timeline)
    _print("stated", ("relation", "when", "strength"), stated)
    where = ((one.conversation_id, f"{one.count:,}", f"{one.last:%Y-%m-%d}") for one in found.conversations)
    _print("conversations", ("conversation", "mentions", "last"), where)


def _print(title: str, columns: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table with a title; nothing where it would be empty, but for the title of one without rows."""
    table = Table(*columns, box=None, title=Text(clean(title)) if title else None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    if table.row_count or title:
        Console(soft_wrap=True).print(table)


def _kind(one: "EntityName | Related | Found | EntityDetails") -> str:
    return f"{one.type} {one.subtype}".strip()


def _as(one: "Found") -> str:
    return one.matched if one.matched != one.name else ""


def _ways(relations: "Iterable[Relation]", names: dict[str, str]) -> str:
    return "; ".join(_sentence(one, names) for one in relations)


def _sentence(one: "Relation", names: dict[str, str]) -> str:
    count = f" ({one.frequency:,})" if one.frequency else ""
    ends = names.get(one.source_id, one.source_id), names.get(one.target_id, one.target_id)
    return f"{ends[0]} {_VERBS.get(one.type, one.type.replace('_', ' '))} {ends[1]}{count}"


def _during(one: "Relation") -> str:
    since = f"{one.valid_from:%Y-%m-%d}" if one.valid_from else ""
    return f"{since} to {one.valid_to:%Y-%m-%d}" if one.valid_to else f"since {since}"
