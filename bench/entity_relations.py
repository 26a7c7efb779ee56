"""How well typed statements are read: precision and recall on sentences written by hand.

A line is a text, whose mentions are in brackets with their type or sub-type after `|` (TECH where none), a tab, and
what it states: `subject > relation > object` separated by `;`, `I` for who speaks, `not ` before what is over, `~`
before what is to have a confidence under 0.7. Of `statements.tsv`, half of the lines by a hash of the text (`dev`) were
for writing the rules; the other half (`test`) is not held out, as earlier fresh sets whose mistakes mended rules went
into both, and all were written by who wrote the rules. `statements_fresh.tsv` (`fresh`) was written when the rules were
done, and changed nothing: believe that.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from helix_pipeline.domain.entities.extraction import MENTIONS
from helix_pipeline.domain.entities.types import TECH, TYPES
from helix_pipeline.domain.relationships.cues import RELATIONS
from helix_pipeline.domain.relationships.statements import USER_PREFIX, statements

FILE = Path(__file__).parent / "statements.tsv"
FRESH = Path(__file__).parent / "statements_fresh.tsv"
UNSURE = 0.7
_BRACKETS = re.compile(r"\[([^\]|]+)(?:\|([^\]]+))?\]")


class Fact(NamedTuple):
    """What a sentence states."""

    subject: str
    relation: str
    object: str
    ended: bool


@dataclass(frozen=True)
class Sentence:
    """A sentence with its mentions, as rows of `MENTIONS` without `row`, and the facts that it states."""

    text: str
    mentions: tuple[dict[str, Any], ...]
    facts: frozenset[Fact]
    unsure: frozenset[Fact]

    @property
    def part(self) -> str:
        """Return `dev` or `test`."""
        return ("dev", "test")[crc32(self.text.encode()) % 2]


def load(file: Path = FILE) -> list[Sentence]:
    """Return the sentences of a file. Raises ValueError as `parse` does."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [parse(line) for line in lines if line and not line.startswith("#")]


def parse(line: str) -> Sentence:
    """Return the sentence of a line. Raises ValueError for one that is not as described above."""
    marked, tab, stated = line.partition("\t")
    if not tab:
        raise ValueError(f"no tab in {line!r}")
    text, mentions = _unmarked(marked)
    facts = [_fact(one.strip()) for one in stated.split(";") if one.strip()]
    unsure = frozenset(fact for fact, is_unsure in facts if is_unsure)
    return Sentence(text, tuple(mentions), frozenset(fact for fact, _ in facts), unsure)


def read(sentences: list[Sentence]) -> list[dict[Fact, float]]:
    """Return the facts that the project reads from each sentence, with their confidence."""
    rows = [{"row": row, **mention} for row, one in enumerate(sentences) for mention in one.mentions]
    mentions = pa.Table.from_pylist(rows, schema=MENTIONS)
    found: list[dict[Fact, float]] = [{} for _ in sentences]
    for row in statements([one.text for one in sentences], mentions, ["i"] * len(sentences)).to_pylist():
        fact = Fact(row["subject_id"], row["relation"], row["object_id"], row["ended"])
        found[row["row"]][fact] = max(found[row["row"]].get(fact, 0.0), row["confidence"])
    return found


def measured(sentences: list[Sentence]) -> dict[str, Any]:
    """Return precision, recall and F1 per relation and over all, and how well the confidence is calibrated."""
    found = read(sentences)
    pairs = [(one.facts, frozenset(facts)) for one, facts in zip(sentences, found, strict=True)]
    by_relation = {name: _scores([_only(pair, name) for pair in pairs]) for name in RELATIONS}
    sure = [
        (confidence, fact in one.facts)
        for one, facts in zip(sentences, found, strict=True)
        for fact, confidence in facts.items()
    ]
    hedged = [
        facts[fact] < UNSURE for one, facts in zip(sentences, found, strict=True) for fact in one.unsure & facts.keys()
    ]
    return {
        "sentences": len(sentences),
        "all": {**_scores(pairs), "interval": _interval(pairs)},
        "relations": by_relation,
        "silent": _scores([pair for pair in pairs if not pair[0]]),
        "hedges_marked": sum(hedged) / len(hedged) if hedged else None,
        "mean_confidence": float(np.mean([c for c, _ in sure])) if sure else None,
    }


def report(console: Console) -> dict[str, Any]:
    """Print the figures of `dev`, `test` and `fresh` beside each other, and return them."""
    sentences = load()
    parts = {part: measured([one for one in sentences if one.part == part]) for part in ("dev", "test")}
    parts["fresh"] = measured(load(FRESH))
    table = Table("relation", *(f"{part}: n, P / R / F1" for part in parts))
    for name in (*RELATIONS, "all"):
        rows = [found["all"] if name == "all" else found["relations"][name] for found in parts.values()]
        table.add_row(name, *(_cell(row) for row in rows))
    console.print(table)
    return parts


_Pair = tuple[frozenset[Fact], frozenset[Fact]]


def _unmarked(marked: str) -> tuple[str, list[dict[str, Any]]]:
    text, at = "", 0
    mentions = []
    for match in _BRACKETS.finditer(marked):
        text += marked[at : match.start()]
        mentions.append(_mention(match[1], match[2] or "", len(text)))
        text, at = text + match[1], match.end()
    return text + marked[at:], mentions


def _mention(surface: str, kind: str, start: int) -> dict[str, Any]:
    type, subtype = (kind, "") if kind in TYPES else (TECH, kind)
    bounds = {"start": start, "end": start + len(surface), "surface": surface, "type": type, "subtype": subtype}
    return {**bounds, "confidence": 1.0, "entity_id": surface.lower(), "entity_name": surface, "reason": "given"}


def _fact(stated: str) -> tuple[Fact, bool]:
    unsure, ended = stated.startswith("~"), stated.startswith("not ")
    parts = stated.removeprefix("~").removeprefix("not ").split(" > ")
    if len(parts) != 3 or parts[1] not in RELATIONS:
        raise ValueError(f"not `subject > relation > object`: {stated!r}")
    subject = f"{USER_PREFIX}i" if parts[0] == "I" else parts[0].lower()
    return Fact(subject, parts[1], parts[2].lower(), ended), unsure


def _cell(row: dict[str, Any]) -> str:
    return f"{row['stated']}, {row['precision']:.2f} / {row['recall']:.2f} / {row['f1']:.2f}"


def _only(pair: _Pair, relation: str) -> _Pair:
    expected, found = (frozenset(fact for fact in side if fact.relation == relation) for side in pair)
    return expected, found


def _scores(pairs: list[_Pair]) -> dict[str, Any]:
    right = sum(len(expected & found) for expected, found in pairs)
    stated, given = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precision, recall = right / max(given, 1), right / max(stated, 1)
    f1 = 2 * right / max(stated + given, 1)
    return {"stated": stated, "found": given, "precision": precision, "recall": recall, "f1": f1}


def _interval(pairs: list[_Pair]) -> tuple[float, float]:
    """Return the 95 % interval of F1 by bootstrap over sentences."""
    draws = np.random.default_rng(0).integers(0, len(pairs), (1000, len(pairs)))
    scores = [_scores([pairs[at] for at in draw])["f1"] for draw in draws]
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def _wrong(sentences: list[Sentence]) -> Iterator[str]:
    for one, facts in zip(sentences, read(sentences), strict=True):
        if facts.keys() != one.facts:
            yield f"{one.text}\n  missed {[*(one.facts - facts.keys())]}\n  wrong {[*(facts.keys() - one.facts)]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--wrong"]:
        print("\n".join(_wrong([one for one in load() if one.part == "dev"])))
    print(json.dumps({part: found["all"] for part, found in report(Console(stderr=True)).items()}))
