"""A recogniser made of a model that scores tags: its spans, overlaid with those of the gazetteer and of the rules.

The model answers for two tag sets at once, one for software and one for everything else (labels.py); a text belongs to
neither beforehand. Dates and quantities that are written as such stand; names come next, be they the model's or the
gazetteer's: the longer wins, then the gazetteer's, then the more confident; bare numbers and years are what is left. Of
the rules that were tried on dev this one has the best F1 over types, if by little.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from helix_pipeline.domain.entities.gazetteer import Gazetteer
from helix_pipeline.domain.entities.recogniser import Span, spans
from helix_pipeline.domain.entities.recognition import rules
from helix_pipeline.domain.entities.recognition.crf import Scores
from helix_pipeline.domain.entities.recognition.decoding import Decoder, Found
from helix_pipeline.domain.entities.recognition.labels import GENERAL, TAG_SETS, TagSet
from helix_pipeline.domain.entities.recognition.overlay import overlay
from helix_pipeline.domain.entities.recognition.tokens import Tokens, tokenise

CHARACTERS = 1 << 17
"""Characters of the texts that are read at a time, or one text where it alone is longer: bounds the memory."""

LEAST = 0.4
"""Confidence from which a span of a model is reported: at a half, a sixth of what is right is lost; at less, chats get
junk."""


@dataclass(frozen=True)
class TaggedRecogniser:
    """Finds entities by a model. Safe to share between threads where `emissions` is.

    `emissions` gives for each tag set, by name, the scores float32[tokens, tags] of some tokens; `decoders` read them.
    """

    version: str
    emissions: Callable[[Tokens], Mapping[str, Scores]]
    decoders: Mapping[str, Decoder]
    gazetteer: Gazetteer

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `SPANS`."""
        return spans(span for first, some in _stretches(texts) for span in self._recognised(first, some))

    def labelled(self, texts: Sequence[str], tags: TagSet) -> Iterator[tuple[int, int, int, str, float]]:
        """Yield what the model alone finds for one tag set: text, start, end, label and confidence."""
        labels = list(tags.kinds)
        for first, some in _stretches(texts):
            tokens = tokenise(some)
            found = self.decoders[tags.name].found(tokens, self.emissions(tokens)[tags.name])
            for row, start, end, label, confidence in _rows(found):
                yield first + row, start, end, labels[label], confidence

    def _recognised(self, first: int, texts: Sequence[str]) -> list[Span]:
        tokens = tokenise(texts)
        emissions = self.emissions(tokens)
        models = [
            claim
            for tags in TAG_SETS.values()
            for claim in self._claims(texts, tags, self.decoders[tags.name].found(tokens, emissions[tags.name]))
        ]
        names = [*self.gazetteer.claims(texts), *sorted(models, key=lambda one: -one.confidence)]
        by_rule = list(rules.recognise(texts))
        sure = [span for span in by_rule if span.confidence >= rules.SURE]
        return [span._replace(row=first + span.row) for span in overlay(sure, names, by_rule)]

    def _claims(self, texts: Sequence[str], tags: TagSet, found: Found) -> Iterator[Span]:
        """Yield what is sure enough; what the general tags name has a letter in it, or it is a number."""
        kinds = list(tags.kinds.values())
        for row, start, end, label, confidence in _rows(found):
            surface = texts[row][start:end]
            if confidence >= LEAST and (tags is not GENERAL or any(map(str.isalpha, surface))):
                yield Span(row, start, end, surface, *kinds[label], confidence)


def _rows(found: Found) -> Iterator[tuple[int, int, int, int, float]]:
    parts = (found.row, found.start, found.end, found.label, np.round(found.confidence, 4))
    return zip(*(part.tolist() for part in parts), strict=True)


def _stretches(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the texts in runs of about `CHARACTERS`, each with the number of its first."""
    number = np.cumsum([0, *(len(text) + 1 for text in texts)])[:-1] // CHARACTERS
    bounds = [*np.flatnonzero(np.diff(number, prepend=-1)).tolist(), len(texts)]
    for low, high in pairwise(bounds):
        yield low, texts[low:high]
