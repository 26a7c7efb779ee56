"""A pipeline of spaCy as a recogniser: graph.extractor `spacy`, graph.model its name or its folder.

Install spaCy and the pipeline's package yourself; nothing is downloaded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from helix_pipeline.domain.entities.recogniser import spans
from helix_pipeline.errors import SettingsError
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors.foreign import Claim, claimed, model_of

CONFIDENCE = 0.85
"""Of every span, as spaCy gives none: about the precision that its English pipelines publish for OntoNotes."""

NOT_NEEDED = ("tagger", "parser", "attribute_ruler", "lemmatizer", "senter", "morphologizer", "textcat")
LONGEST = 100_000_000
"""Characters of a text; spaCy's own limit guards its parser, which is not run."""

BATCH = 64


@dataclass(frozen=True)
class SpacyRecogniser:
    """Finds what the entity components of a pipeline find. Not safe to share between threads."""

    version: str
    pipeline: Any

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `SPANS`."""
        documents = self.pipeline.pipe(texts, batch_size=BATCH)
        return spans(claimed(texts, (_claims(document) for document in documents)))


def load(settings: GraphSettings) -> SpacyRecogniser:
    """Return the pipeline `settings.model`. Raises SettingsError where it or spaCy is not installed."""
    place = model_of(settings, "pipeline")
    try:
        import spacy

        pipeline = spacy.load(place, exclude=NOT_NEEDED)
    except ImportError as error:
        raise SettingsError(f"graph.extractor: spacy cannot be loaded ({error}): pip install spacy") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"graph.model: no pipeline of spaCy is {place!r} ({_line(error)})") from None
    pipeline.max_length = LONGEST
    meta = pipeline.meta
    return SpacyRecogniser(f"spacy-{meta['lang']}_{meta['name']}-{meta['version']}", pipeline)


def _claims(document: Any) -> list[Claim]:
    return [(found.start_char, found.end_char, found.label_, CONFIDENCE) for found in document.ents]


def _line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]
