"""The extraction of entities as the tasks of the streams use it: several queries read the same messages."""

from pathlib import Path

from pyspark import SparkFiles

from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors.extraction import load_extraction
from helix_pipeline.stores.extractors.remembered import RememberedExtraction

_QUICK = "gazetteer"
"""It finds the names of a text in less time than they are looked up."""


def shared_extraction(settings: GraphSettings) -> Extraction:
    """Return the extraction of the settings, in a task; what it finds is remembered on this machine while Spark runs.

    Raises SettingsError for a recogniser that is not there.
    """
    found = load_extraction(settings)
    if settings.extractor == _QUICK:
        return found
    return RememberedExtraction(
        found.recogniser, found.resolver, Path(SparkFiles.getRootDirectory(), "mentions.sqlite")
    )
