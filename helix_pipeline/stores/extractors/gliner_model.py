"""A GLiNER model as a recogniser: graph.extractor `gliner`, graph.model the folder that holds it.

Zaratiana et al., "GLiNER: Generalist Model for Named Entity Recognition using Bidirectional Transformer", NAACL 2024.
It is asked for the types below by names that a reader would use. Install the package `gliner` and save a model
yourself; nothing is downloaded here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from helix_pipeline.domain.entities.recogniser import spans
from helix_pipeline.domain.entities.recognition import rules
from helix_pipeline.domain.entities.recognition.overlay import overlay
from helix_pipeline.errors import SettingsError
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors.foreign import Claim, claimed, model_of

LABELS: Mapping[str, str] = {
    "person": "PERSON",
    "organization": "ORGANIZATION",
    "company": "ORGANIZATION/company",
    "location": "LOCATION",
    "product": "PRODUCT",
    "event": "EVENT",
    "programming language": "TECH/language",
    "software library or framework": "TECH/library",
    "software tool": "TECH/tool",
    "operating system or platform": "TECH/platform",
    "online service": "TECH/service",
    "file type": "TECH/file type",
    "algorithm": "CONCEPT/algorithm",
    "technical concept": "CONCEPT",
}
"""What the model is asked for, and the type and sub-type of each."""

THRESHOLD = 0.5
"""Score from which a span is taken."""

BATCH = 8


@dataclass(frozen=True)
class GlinerRecogniser:
    """Finds `LABELS` by a model, dates and numbers by rules. Not safe to share between threads."""

    version: str
    model: Any

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `SPANS`."""
        written = [text for text in texts if text.strip()]
        answers = iter(self._asked(written))
        found = [[_claim(one) for one in next(answers)] if text.strip() else [] for text in texts]
        return spans(overlay(claimed(texts, found), rules.recognise(texts)))

    def _asked(self, texts: list[str]) -> Sequence[Sequence[Mapping[str, Any]]]:
        if not texts:
            return []
        found: Sequence[Sequence[Mapping[str, Any]]] = self.model.inference(
            texts, list(LABELS), threshold=THRESHOLD, batch_size=BATCH
        )
        return found


def load(settings: GraphSettings) -> GlinerRecogniser:
    """Return the model in the folder `settings.model`. Raises SettingsError where it or the package is missing."""
    place = model_of(settings, "folder")
    try:
        from gliner import GLiNER

        model = GLiNER.from_pretrained(place, local_files_only=True)
    except ImportError as error:
        raise SettingsError(f"graph.extractor: gliner cannot be loaded ({error}): pip install gliner") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"graph.model: no GLiNER model is at {place!r} ({error})") from None
    return GlinerRecogniser(f"gliner-{Path(place).name}", model)


def _claim(found: Mapping[str, Any]) -> Claim:
    return found["start"], found["end"], LABELS[found["label"]], float(found["score"])
