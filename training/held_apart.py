"""The sentences that the encoder is trained with, and those held apart that its confidence is calibrated on."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from entity_data import CORPORA, Sentence, sentences

PARTS, HELD = 12, 7
"""Part `HELD` of so many parts of each corpus is held apart."""

Corpora = dict[str, list[Sentence]]
"""Sentences by the name of their tag set."""


def corpora() -> tuple[Corpora, Corpora]:
    """Return the training parts of the corpora without what is held apart, and what is."""
    parts = {tags.name: _parted(sentences(folder, "train")) for folder, tags in CORPORA.items()}
    seen, held = ({name: part[number] for name, part in parts.items()} for number in (0, 1))
    return seen, held


def _parted(found: list[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences to train on, and those held apart: one stretch of whole posts."""
    first, last = (len(found) * part // PARTS for part in (HELD, HELD + 1))
    return found[:first] + found[last:], found[first:last]
