"""One set of spans out of several that overlap: what models, the list of names and the rules claim to see."""

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter

from helix_pipeline.domain.entities.recogniser import Span


def overlay(*layers: Iterable[Span]) -> list[Span]:
    """Return the claims that overlap no better one, by text and place.

    A claim of an earlier layer is better; in one layer the longer claim is (`Google Cloud` says more than `Google`),
    and of two as long the one that comes first.
    """
    kept: dict[int, list[Span]] = {}
    for layer in layers:
        for claim in sorted(layer, key=lambda one: one.start - one.end):
            rivals = kept.setdefault(claim.row, [])
            at = bisect_left(rivals, claim.start, key=attrgetter("start"))
            if all(claim.end <= rival.start or rival.end <= claim.start for rival in rivals[max(0, at - 1) : at + 1]):
                rivals.insert(at, claim)
    return sorted(span for spans in kept.values() for span in spans)
