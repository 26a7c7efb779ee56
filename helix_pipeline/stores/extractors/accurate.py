"""The accurate recogniser: the encoder's scores with a share of the fast recogniser's, which err in other places.

Both are added as logarithms of probabilities, up to a constant; they are read as the fast recogniser's are, with
gazetteer and rules.
"""

from helix_pipeline.domain.entities.recognition import fast
from helix_pipeline.domain.entities.recognition.crf import Chain, Scores
from helix_pipeline.domain.entities.recognition.decoding import Decoder
from helix_pipeline.domain.entities.recognition.labels import TAG_SETS
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.tokens import Tokens
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors import encoder

SHARE = 0.3
"""How much the fast recogniser's scores count, beside 1 for the encoder's."""


def load(_: GraphSettings) -> TaggedRecogniser:
    """Return the recogniser, with the weights that ship with the project. Raises SettingsError as `encoder.load`."""
    return recogniser(encoder.load(), fast.load())


def recogniser(network: encoder.Encoder, quick: TaggedRecogniser) -> TaggedRecogniser:
    """Return the recogniser that an encoder and a fast recogniser make together."""

    def emissions(tokens: Tokens) -> dict[str, Scores]:
        others = quick.emissions(tokens)
        return {name: scores + SHARE * others[name] for name, scores in network.emissions(tokens).items()}

    decoders = {
        name: Decoder.stored(_both(encoder.chain(TAG_SETS[name]), quick.decoders[name].chain), read)
        for name, read in network.reading.items()
    }
    return TaggedRecogniser(f"accurate-{network.version}-{quick.version}", emissions, decoders, quick.gazetteer)


def _both(chain: Chain, other: Chain) -> Chain:
    return Chain(chain.first + SHARE * other.first, chain.transitions + SHARE * other.transitions)
