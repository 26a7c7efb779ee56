"""The strongest ways from an entity to those around it: a relation of a relation is as strong as both together.

The strength of a way is the product of the strengths along it. A level goes on from its strongest entities alone: what
is looked at stays bounded, however many relations an entity has.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

BEAM = 16
"""Entities of a level from which the next one is reached."""

Neighbours = Callable[[Sequence[str]], Iterable[tuple[str, str, float]]]
"""Gives (entity, neighbour, strength in [0, 1]) for the relations of entities, each in any direction and order."""


@dataclass(frozen=True, slots=True)
class Way:
    """The strongest way found to an entity: the entities passed, from the start to itself."""

    strength: float
    passed: tuple[str, ...]


def ways(neighbours: Neighbours, start: str, depth: int, beam: int = BEAM) -> dict[str, Way]:
    """Return the strongest way to each entity within `depth` relations of `start`, by its id, strongest first.

    Of ways of the same strength the one by the smaller ids is taken, so that the order of relations changes nothing.
    Relations without strength lead nowhere. `neighbours` is asked once for each level, the second time on for at most
    `beam` entities.
    """
    found = {start: Way(1.0, (start,))}
    frontier = [start]
    for _ in range(depth):
        better = _further(neighbours(frontier), found) if frontier else {}
        found |= better
        frontier = sorted(better, key=lambda id: (-better[id].strength, id))[:beam]
    del found[start]
    return dict(sorted(found.items(), key=lambda item: (-item[1].strength, item[0])))


def _further(relations: Iterable[tuple[str, str, float]], found: dict[str, Way]) -> dict[str, Way]:
    """Return the ways one relation longer that are stronger than those found."""
    better: dict[str, Way] = {}
    for source, target, strength in relations:
        known, before = better.get(target) or found.get(target), found[source]
        reached = before.strength * strength
        least = known.strength if known else 0.0
        if reached > least or (target in better and reached == least and before.passed < better[target].passed[:-1]):
            better[target] = Way(reached, (*before.passed, target))
    return better
