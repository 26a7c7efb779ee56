"""What the labels of other people's models mean here, and spans made of what such models answer."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from helix_pipeline.domain.entities.recogniser import Span
from helix_pipeline.domain.entities.recognition.overlay import overlay
from helix_pipeline.domain.entities.types import (
    CONCEPT,
    DATE,
    EVENT,
    LOCATION,
    NUMBER,
    ORGANIZATION,
    PERSON,
    PRODUCT,
    TYPES,
)
from helix_pipeline.errors import SettingsError
from helix_pipeline.settings_sections import GraphSettings

Claim = tuple[int, int, str, float]
"""Start and end of a span in code points, its label, and a confidence."""

_ONTONOTES = {
    "PER": (PERSON, ""),
    "ORG": (ORGANIZATION, ""),
    "NORP": (ORGANIZATION, "group"),
    "GPE": (LOCATION, ""),
    "LOC": (LOCATION, ""),
    "FAC": (LOCATION, "facility"),
    "WORK_OF_ART": (PRODUCT, "creative work"),
    "LAW": (CONCEPT, "law"),
    "LANGUAGE": (CONCEPT, "natural language"),
    "MISC": (CONCEPT, ""),
    "EVT": (EVENT, ""),
    "TIME": (DATE, "time"),
    "PERCENT": (NUMBER, "unit"),
    "MONEY": (NUMBER, "unit"),
    "QUANTITY": (NUMBER, "unit"),
    "CARDINAL": (NUMBER, ""),
    "ORDINAL": (NUMBER, ""),
}
"""The labels of OntoNotes 5 and CoNLL 2003 that are not types already."""


def kind(label: str) -> tuple[str, str]:
    """Return the type and the sub-type that a label stands for.

    `TECH` and `tech/library` are taken as they are, labels of OntoNotes and CoNLL are translated, and any other is the
    sub-type of a CONCEPT, in lower case: what a model finds is not lost because it has a name of its own for it.
    """
    name, _, subtype = label.partition("/")
    if name.upper() in TYPES:
        return name.upper(), subtype.strip().lower()
    return _ONTONOTES.get(label.upper(), (CONCEPT, label.strip().lower().replace("_", " ")))


def claimed(texts: Sequence[str], found: Iterable[Sequence[Claim]]) -> list[Span]:
    """Return as spans what a model claims of each text; of claims that overlap the more confident one is kept.

    Claims that are empty or outside of their text are dropped, confidences brought into [0, 1].
    """
    spans = [
        Span(row, start, end, text[start:end], *kind(label), min(1.0, max(0.0, confidence)))
        for row, (text, claims) in enumerate(zip(texts, found, strict=True))
        for start, end, label, confidence in claims
        if 0 <= start < end <= len(text)
    ]
    spans.sort(key=lambda span: (-span.confidence, span.start - span.end))
    return overlay(*(list(alike) for _, alike in groupby(spans, key=attrgetter("confidence"))))


def model_of(settings: GraphSettings, what: str) -> str:
    """Return `graph.model`, the folder or pipeline of another model. Raises SettingsError where it is not set."""
    if settings.model is None:
        raise SettingsError(
            f"graph.model is not set: name the {what} for graph.extractor {settings.extractor} (HELIX_EXTRACTOR_MODEL)"
        )
    return settings.model
