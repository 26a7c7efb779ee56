"""The corpora that recognisers learn from: reads the sentences of StackOverflowNER and WNUT17 as texts with spans.

A sentence's text is its tokens as they would be written: a space between them, but none before a mark that ends a
clause, after an opening bracket, or before a clitic (`do n't`).
"""

import gzip
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helix_pipeline.domain.entities.recognition.labels import GENERAL, SOFTWARE, TagSet
from helix_pipeline.domain.entities.recognition.scoring import Labelled, tagged_spans

CORPORA: dict[str, TagSet] = {"stackoverflow": SOFTWARE, "wnut17": GENERAL}
"""Folder of each corpus and the tags that it uses."""

_CLOSES = re.compile(r"[.,;:!?)\]}]+|n't|['’](?:s|m|re|ve|ll|d|t)", re.I)  # noqa: RUF001 - apostrophes as they are typed
_OPENS = frozenset("([{")


@dataclass(frozen=True)
class Sentence:
    """A sentence: `tags` has one BIO tag for each of the tokens."""

    tokens: list[str]
    tags: list[str]

    def spaced(self) -> "Annotated":
        """Return the sentence with one space between any two tokens."""
        return self._written([True] * len(self.tokens))

    def natural(self) -> "Annotated":
        """Return the sentence with spaces as people write them."""
        pairs = zip(["", *self.tokens], self.tokens, strict=False)
        return self._written([not _CLOSES.fullmatch(token) and before not in _OPENS for before, token in pairs])

    def _written(self, space_before: list[bool]) -> "Annotated":
        text, starts, ends = "", [], []
        for token, space in zip(self.tokens, space_before, strict=True):
            text += " " if space and text else ""
            starts.append(len(text))
            text += token
            ends.append(len(text))
        spans = [(starts[first], ends[last - 1], label) for first, last, label in tagged_spans(self.tags)]
        return Annotated(text, spans)


@dataclass(frozen=True)
class Annotated:
    """A text and its true spans, in code points: (start, end, label), in order and without overlaps."""

    text: str
    spans: list[Labelled]


def sentences(corpus: str, part: str, folder: Path | None = None) -> list[Sentence]:
    """Return the sentences of a part (`train` or `dev`) of a corpus (a key of `CORPORA`).

    `folder` holds the real data, by default HELIX_DATA or ../shared/data. Raises FileNotFoundError.
    """
    return list(_read((folder or data()) / "ner" / corpus / f"{part}.jsonl.gz"))


def data() -> Path:
    """Return the folder of real data: HELIX_DATA or ../shared/data."""
    return Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))


def _read(path: Path) -> Iterator[Sentence]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Sentence(row["tokens"], row["tags"])
