"""The extraction of entities that settings describe: their recogniser and the project's resolver."""

from functools import lru_cache

from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.domain.entities.resolution.resolver import load
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors.registry import load_recogniser


@lru_cache(maxsize=4)
def load_extraction(settings: GraphSettings) -> Extraction:
    """Return the extraction with the recogniser `settings.extractor`, made once per process.

    Raises SettingsError for a recogniser that is not there.
    """
    return Extraction(load_recogniser(settings), load())
