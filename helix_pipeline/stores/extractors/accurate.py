"""The accurate recogniser: the encoder's scores, read as the fast recogniser's are, with gazetteer and rules."""

from helix_pipeline.domain.entities import gazetteer
from helix_pipeline.domain.entities.recognition.decoding import Decoder
from helix_pipeline.domain.entities.recognition.labels import TAG_SETS
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors import encoder


def load(_: GraphSettings) -> TaggedRecogniser:
    """Return the recogniser, with the encoder that ships with the project. Raises SettingsError as `encoder.load`."""
    network, names = encoder.load(), gazetteer.load()
    decoders = {name: Decoder.stored(encoder.chain(TAG_SETS[name]), read) for name, read in network.reading.items()}
    return TaggedRecogniser(f"accurate-{network.version}-{names.version}", network.emissions, decoders, names)
