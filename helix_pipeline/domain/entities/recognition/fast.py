"""The fast recogniser: a small network in plain arrays, for the stream and the jobs (weights/MODEL_CARD.md)."""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from importlib import resources

import numpy as np

from helix_pipeline.domain.entities import gazetteer
from helix_pipeline.domain.entities.recognition import weights_file
from helix_pipeline.domain.entities.recognition.crf import Scores
from helix_pipeline.domain.entities.recognition.decoding import Decoder, Stored
from helix_pipeline.domain.entities.recognition.network import Network
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.tokens import Tokens
from helix_pipeline.domain.entities.recognition.word_vectors import WordVectors

WEIGHTS, DECODING = "fast.npz", "fast.json"
"""Names of the files in weights/: the network, and how its scores are read."""


@lru_cache(maxsize=1)
def load() -> TaggedRecogniser:
    """Return the fast recogniser; its weights are read once, and its memory of words is shared."""
    folder = resources.files(__package__).joinpath("weights")
    decoding = folder.joinpath(DECODING).read_bytes()
    with folder.joinpath(WEIGHTS).open("rb") as file:
        digest = blake2b(file.read() + decoding, digest_size=6).hexdigest()
        file.seek(0)
        network = weights_file.load(file)
    names = gazetteer.load()
    return recogniser(network, json.loads(decoding), names, f"fast-{digest}-{names.version}")


def recogniser(
    network: Network, decoding: Mapping[str, Stored], names: gazetteer.Gazetteer, version: str
) -> TaggedRecogniser:
    """Return the recogniser that a network makes; `decoding` has the `Decoder` of each tag set, by field."""
    vectors = WordVectors(network.word_vectors, len(network.bias))

    def emissions(tokens: Tokens) -> dict[str, Scores]:
        lengths = np.bincount(tokens.row)
        return network.emissions(vectors.of(tokens.words), tokens.word, lengths[lengths > 0])

    decoders = {name: Decoder.stored(head.chain, decoding[name]) for name, head in network.heads.items()}
    return TaggedRecogniser(version, emissions, decoders, names)
