"""The entity of one surface, from the surface and its type alone: a pure function, so that every reader agrees."""

from collections.abc import Iterable
from functools import lru_cache, partial
from hashlib import blake2b
from importlib import resources

from helix_pipeline.domain import entities
from helix_pipeline.domain.entities.extraction import Entity
from helix_pipeline.domain.entities.resolution.known import Index, Known, index, key, known_entities
from helix_pipeline.domain.entities.resolution.normal import MAX_SURFACE, clean, identifier, visible
from helix_pipeline.domain.entities.resolution.plural import singular
from helix_pipeline.domain.entities.resolution.reduction import Reading, readings, version
from helix_pipeline.domain.entities.resolution.variants import american
from helix_pipeline.domain.entities.types import CODE, CONCEPT, DATE, NUMBER, PRODUCT, TECH

VERSION = "names-1"
"""What the rules give: to be raised with every change that gives any surface another id."""

NUMBERED = ("model", "device", "algorithm")
"""Sub-types whose number is part of the name: GPT-4, iPhone 12 and SHA-256 are no versions of one thing."""

_WITH_PLURAL = (TECH, CONCEPT, PRODUCT)
_WITH_VERSIONS = (TECH, PRODUCT)
_AS_WRITTEN = (DATE, NUMBER)
_CACHED = 1 << 16


class NameResolver:
    """Resolves names by their normal form and the known entities. Read-only once built, safe to share by threads."""

    def __init__(self, known: Index, version: str) -> None:
        """Resolve to the entities of `known`, and to ids made from the name where it has none."""
        self.version = version
        self._known = known
        self._cached = lru_cache(maxsize=_CACHED)(self._resolve)

    def resolve(self, surface: str, type: str, subtype: str) -> Entity:
        """Return the entity that the surface stands for; there is one for every text, even an empty one."""
        if type in _AS_WRITTEN or subtype in CODE:  # seldom the same twice, and quick: they would displace names
            return _as_written(visible(surface[:MAX_SURFACE]), type, subtype)
        return self._cached(surface[:MAX_SURFACE], type, subtype)

    def _resolve(self, surface: str, type: str, subtype: str) -> Entity:
        return self._named(clean(surface), type, subtype, ())

    def _named(self, name: str, type: str, subtype: str, left_out: tuple[str, ...]) -> Entity:
        """Return the entity of a cleaned name; `left_out` says what has been taken away from the surface so far."""
        reading = Reading(name, ())
        for reading in readings(name, type):
            if found := self._find(reading.name, type):
                return _entity(*found, (*left_out, *reading.left_out))
        left_out = (*left_out, *reading.left_out)
        split = version(reading.name) if type in _WITH_VERSIONS and subtype not in NUMBERED else None
        if split is not None:
            without = (*left_out, f"version {split.number}")
            if found := self._find(split.name, type):
                if split.is_plausible and found[0].entry.subtype not in NUMBERED:
                    return _entity(*found, without)
            elif type == TECH and split.is_certain:
                return self._named(split.name, type, subtype, without)
        return self._unknown(reading.name, type, subtype, left_out)

    def _find(self, name: str, type: str) -> tuple[Known, tuple[str, ...]] | None:
        """Return the known entity of this name, and how the name differs from the one it is known by."""
        for reading, reasons in _keys(name, type):
            if found := self._known.get((reading, type)):
                return found, reasons
        return None

    def _unknown(self, name: str, type: str, subtype: str, left_out: tuple[str, ...]) -> Entity:
        last, reasons = _keys(name, type)[-1]
        return Entity(identifier(type, last), name, type, subtype, _joined((*left_out, *reasons)) or "name")


def load() -> NameResolver:
    """Return the resolver that knows the gazetteer and the names that ship with the project."""
    package = resources.files(entities)
    lists = (package.joinpath("gazetteer.tsv"), package.joinpath("resolution", "names.tsv"))
    digest = blake2b(b"".join(one.read_bytes() for one in lists), digest_size=6).hexdigest()
    return NameResolver(index(known_entities()), f"{VERSION}-{digest}")


def _keys(name: str, type: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the key of a name, then those of its singular and its other spelling, each with what it differs by."""
    keys: list[tuple[str, tuple[str, ...]]] = [(key(name, type), ())]
    changes = (("plural", partial(singular, name=name)), ("spelling variant", american))
    for reason, change in changes if type in _WITH_PLURAL else ():
        before, reasons = keys[-1]
        if (after := change(before)) != before:
            keys.append((after, (*reasons, reason)))
    return keys


def _entity(found: Known, changed: tuple[str, ...], left_out: tuple[str, ...]) -> Entity:
    entry = found.entry
    reason = _joined(("name" if found.by_name else "alias", *changed, *left_out))
    return Entity(entry.id, entry.name, entry.type, entry.subtype, reason)


def _joined(reasons: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, reasons)))


def _as_written(name: str, type: str, subtype: str) -> Entity:
    """Return the entity of a date, a number or a name within a program, of which every character tells it apart."""
    spelled = name if subtype in CODE else name.casefold()
    within = f"{type}:{subtype.replace(' ', '-')}" if subtype in CODE else type
    return Entity(identifier(within, spelled), name, type, subtype, "as written")
