"""Groups of entities that are one, from pairs that may be: an equivalence relation, whatever the order of the pairs.

Single links chain: with a, b and b, c comes a, c, though nobody would have said so. Two guards stand against that: a
pair that `differ` refuses is never within one group, and a misspelling only joins the name that the group goes by.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from helix_pipeline.domain.entities.resolution.named import Named
from helix_pipeline.domain.entities.types import PERSON

SPELLING = "spelling"

Pair = tuple[str, str]


class Edge(NamedTuple):
    """Two places of entities that may be one: why, and how likely it is."""

    a: int
    b: int
    reason: str
    confidence: float


class Link(NamedTuple):
    """An entity and the one that stands for its group. Of a group over more steps `reason` names each."""

    place: int
    into: int
    reason: str
    confidence: float


class Groups:
    """The groups that edges make. Edges of the names with most mentions are followed first."""

    def __init__(self, names: list[Named], edges: Iterable[Edge], apart: Set[Pair] = frozenset()) -> None:
        """Join what the edges say but for `apart`, pairs of ids (in either order) that are never in one group."""
        self._names = names
        self._apart = {frozenset(pair) for pair in apart}
        self._of: dict[int, list[int]] = {}
        self._kept: dict[int, list[Edge]] = defaultdict(list)
        for edge in sorted(set(edges), key=self._order):
            self._follow(edge)

    def head(self, place: int) -> int:
        """Return the entity that stands for the group of this one: a known one, then the most mentioned."""
        return min(self._of.get(place, (place,)), key=lambda member: self._names[member].precedence)

    def links(self) -> Iterator[Link]:
        """Yield a link to the head for every other member of a group."""
        for group in {id(group): group for group in self._of.values()}.values():
            yield from self._steps(self.head(group[0]))

    def _order(self, edge: Edge) -> tuple[object, ...]:
        first, last = sorted((self._names[edge.a].precedence, self._names[edge.b].precedence))
        return first, -edge.confidence, last, edge.reason

    def _follow(self, edge: Edge) -> None:
        left, right = (self._of.get(place, [place]) for place in (edge.a, edge.b))
        if left is not right and not self._chains(edge) and not self._refused(left, right):
            joined = [*left, *right]
            self._of.update(dict.fromkeys(joined, joined))
        if self._of.get(edge.a) is self._of.get(edge.b, ()):
            self._kept[edge.a].append(edge)
            self._kept[edge.b].append(edge)

    def _chains(self, edge: Edge) -> bool:
        return edge.reason == SPELLING and any(self.head(place) != place for place in (edge.a, edge.b))

    def _refused(self, left: Iterable[int], right: Iterable[int]) -> bool:
        pairs = ((self._names[a], self._names[b]) for a in left for b in right)
        return any(differ(a, b) or frozenset((a.id, b.id)) in self._apart for a, b in pairs)

    def _steps(self, head: int) -> Iterator[Link]:
        """Yield a link for each member of the head's group by the fewest steps, and of these the most likely."""
        reached = {head: Link(head, head, "", 1.0)}
        waiting = deque([head])
        while waiting:
            at = reached[waiting.popleft()]
            for edge in sorted(self._kept[at.place], key=lambda edge: (-edge.confidence, edge.reason, edge.a, edge.b)):
                other = edge.b if edge.a == at.place else edge.a
                if other not in reached:
                    reason = f"{edge.reason}, {at.reason}" if at.reason else edge.reason
                    reached[other] = Link(other, head, reason, at.confidence * edge.confidence)
                    waiting.append(other)
        yield from (link for place, link in reached.items() if place != head)


def differ(first: Named, second: Named) -> bool:
    """Say whether two names are surely not one: both known, of other families, of other numbers or persons."""
    if (first.is_known and second.is_known) or first.family != second.family:
        return True
    if first.numbers and second.numbers and first.numbers != second.numbers:
        return True
    return first.type == PERSON and _other_person(first.words, second.words)


def _other_person(first: list[str], second: list[str]) -> bool:
    """Say whether two full names are not one person's: Bill Clinton is not Bill Gates, but van Rossum may be Guido."""
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) == 1 or longer[-len(shorter) :] == shorter:
        return False
    return first[0][0] != second[0][0] or first[-1][0] != second[-1][0]
