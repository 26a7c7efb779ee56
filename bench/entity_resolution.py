"""How well names are resolved: pairwise precision, recall and F1 on `aliases.tsv`, with bootstrap intervals.

A line of the file is a pair of surfaces with a type each, whether they are one entity (`same` or `different`), what
makes it hard, and its part, decided by a hash of the pair before there were rules: the errors of `test` were not looked
at. `one surface` is the stateless resolver; `corpus` adds the merges over all surfaces of the file as one corpus, each
mentioned as often as it stands in it, without any text.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from harness import console, publish_parts

from helix_pipeline.domain.entities.extraction import Entity
from helix_pipeline.domain.entities.resolution.display import preferred
from helix_pipeline.domain.entities.resolution.merging import merges
from helix_pipeline.domain.entities.resolution.named import NAMES
from helix_pipeline.domain.entities.resolution.resolver import load

FILE = Path(__file__).parent / "aliases.tsv"
PARTS = ("dev", "test")
WAYS = {"one surface": False, "corpus": True}
"""What is measured, and whether it is with the merges over the corpus."""

RESAMPLES = 1000

Rows = list[dict[str, Any]]


class Named(NamedTuple):
    """A surface with the type that a recogniser gives it."""

    surface: str
    type: str


class Pair(NamedTuple):
    """Two surfaces, whether they are one entity, and what makes that hard to see."""

    first: Named
    second: Named
    is_same: bool
    phenomenon: str
    part: str


class Judged(NamedTuple):
    """A pair, what the resolver says of it, and by which reasons."""

    pair: Pair
    is_joined: bool
    reasons: frozenset[str]

    @property
    def outcome(self) -> str:
        """Return `true` or `false`, `positive` or `negative`."""
        right = self.is_joined == self.pair.is_same
        return f"{'true' if right else 'false'} {'positive' if self.is_joined else 'negative'}"


def pairs(file: Path = FILE) -> list[Pair]:
    """Return the pairs of a file. Raises ValueError for a line without seven fields."""
    rows = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("# "))
    return [Pair(Named(a, x), Named(b, y), verdict == "same", why, part) for a, x, b, y, verdict, why, part in rows]


def judged(asked: Sequence[Pair], with_corpus: bool) -> list[Judged]:
    """Return what the resolver says of the pairs, with the merges over all their surfaces if asked for."""
    resolver = load()
    entities = {one: resolver.resolve(*one, "") for pair in asked for one in pair[:2]}
    links = _links(asked, entities) if with_corpus else {}
    return [_judge(pair, entities[pair.first], entities[pair.second], links) for pair in asked]


def f1(found: Sequence[Judged]) -> float:
    """Return the harmonic mean of precision and recall of the pairs called one entity; 0 where none is."""
    counts = Counter(one.outcome for one in found)
    hits = 2 * counts["true positive"]
    return hits / (hits + counts["false positive"] + counts["false negative"]) if hits else 0.0


def figures(file: Path = FILE) -> dict[str, Rows]:
    """Return tables about the pairs of a file: scores of each part and way, what is hard in them, and reasons.

    The second says how many pairs are judged rightly, the third how many are called one entity for a reason, and how
    many of these rightly.
    """
    asked = pairs(file)
    found = [(way, judged(asked, with_corpus)) for way, with_corpus in WAYS.items()]
    cut = [
        (part, way, [one for one in judgements if one.pair.part == part]) for part in PARTS for way, judgements in found
    ]
    return {
        "resolution, pairwise": [{"part": part, "resolver": way, **_scores(some)} for part, way, some in cut],
        "resolution, right by what is hard": [
            {"hard": hard, **{f"{part}, {way}": _right(hard, some) for part, way, some in cut}}
            for hard in sorted({one.phenomenon for one in asked})
        ],
        "resolution, reasons": [
            {"resolver": way, "reason": reason, "pairs": count, "right": right}
            for way, judgements in found
            for reason, count, right in _reasons(judgements)
        ],
    }


def errors(part: str, file: Path = FILE) -> Iterator[str]:
    """Yield the pairs of a part that are judged wrongly with the corpus, as lines."""
    for one in judged(pairs(file), with_corpus=True):
        if one.pair.part == part and one.outcome.startswith("false"):
            yield f"{one.outcome}: {one.pair.first} {one.pair.second} ({one.pair.phenomenon})"


def _links(asked: Sequence[Pair], entities: dict[Named, Entity]) -> dict[str, dict[str, Any]]:
    """Return the merges over the surfaces of all pairs, by the id of the entity that is merged."""
    named = [*chain.from_iterable(pair[:2] for pair in asked)]
    names: dict[str, str] = {}
    for one in named:
        entity = entities[one]
        names[entity.id] = preferred(names.get(entity.id, entity.name), entity.name)
    mentions = Counter(entities[one].id for one in named)
    rows = [
        {**entity._asdict(), "entity_id": entity.id, "name": names[entity.id], "mentions": mentions[entity.id]}
        | {"surfaces": sorted({one.surface for one in named if entities[one].id == entity.id})}
        for entity in {entity.id: entity for entity in entities.values()}.values()
    ]
    found = merges(pa.Table.from_pylist([{name: row[name] for name in NAMES.names} for row in rows], NAMES))
    return {row["entity_id"]: row for row in found.to_pylist()}


def _judge(pair: Pair, first: Entity, second: Entity, links: dict[str, dict[str, Any]]) -> Judged:
    ends = [links.get(one.id, {"into_id": one.id, "reason": ""}) for one in (first, second)]
    given = [one.reason for one in (first, second)]
    given += [end["reason"] for end in ends if first.id != second.id]
    reasons = {reason for text in given for reason in text.split(", ")} - {"", "name"}
    return Judged(pair, ends[0]["into_id"] == ends[1]["into_id"], frozenset(reasons or {"normal form"}))


def _scores(found: Sequence[Judged]) -> dict[str, Any]:
    counts = Counter(one.outcome for one in found)
    hits = counts["true positive"]
    low, high = _interval(found)
    return {
        "pairs": len(found),
        "precision": f"{hits / max(1, hits + counts['false positive']):.3f}",
        "recall": f"{hits / max(1, hits + counts['false negative']):.3f}",
        "F1": f"{f1(found):.3f}",
        "95 %": f"{low:.3f} to {high:.3f}",
    }


def _right(hard: str, found: Sequence[Judged]) -> str:
    outcomes = [one.outcome.startswith("true") for one in found if one.pair.phenomenon == hard]
    return f"{sum(outcomes)} of {len(outcomes)}"


def _reasons(found: Sequence[Judged]) -> Iterator[tuple[str, int, int]]:
    """Yield each reason why pairs were called one, most frequent first: of how many, and of how many rightly."""
    given = [
        (re.sub(r"version .*", "version", reason), one) for one in found if one.is_joined for reason in one.reasons
    ]
    right = Counter(reason for reason, one in given if one.pair.is_same)
    for reason, count in Counter(reason for reason, _ in given).most_common():
        yield reason, count, right[reason]


def _interval(found: Sequence[Judged]) -> tuple[float, float]:
    """Return the middle 95 % of F1 over resamples of the pairs (percentile bootstrap; Efron and Tibshirani 1993)."""
    draw = np.random.default_rng(0)
    drawn = (draw.integers(0, len(found), len(found)) for _ in range(RESAMPLES))
    low, high = np.percentile([f1([found[place] for place in places]) for places in drawn], [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def main() -> None:
    """Print the figures and the errors of the dev part, and write bench/results/entity_resolution.json."""
    publish_parts("entity_resolution", figures())
    for line in errors("dev"):
        console.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    main()
