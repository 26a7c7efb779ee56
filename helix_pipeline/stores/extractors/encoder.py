"""The accurate recogniser's network: an encoder in ONNX, run by onnxruntime on one thread.

`weights/encoder.onnx` holds all of it, its vocabulary and how spans are read from its scores; training/ makes it
(weights/MODEL_CARD.md). It is loaded once per process, in a fifth of a second.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.entities.recognition.crf import Chain, Scores
from helix_pipeline.domain.entities.recognition.decoding import Stored
from helix_pipeline.domain.entities.recognition.labels import TAG_SETS, TagSet
from helix_pipeline.domain.entities.recognition.pieces import Pieces
from helix_pipeline.domain.entities.recognition.tokens import Tokens
from helix_pipeline.domain.entities.recognition.windows import Batch, batches, windows
from helix_pipeline.errors import SettingsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORBIDDEN = np.float32(-1e4)
"""Score of a tag that cannot be where it is."""

WEIGHTS = "encoder.onnx"
"""Name of the file in weights/."""

INPUTS = ("pieces", "mask", "owner", "letters", "forms", "first", "last", "word")
"""The arrays of a batch that the network reads."""


@dataclass(frozen=True)
class Encoder:
    """A loaded network: its pieces, what its file says of how to read its scores, and a digest of the file."""

    session: "InferenceSession"
    pieces: Pieces
    reading: Mapping[str, Stored]
    version: str

    def emissions(self, tokens: Tokens) -> dict[str, Scores]:
        """Return the scores of each token's tags, float32[tokens, tags], by the name of the tag set.

        Those of a text are the same to the last bit, whatever texts are beside it.
        """
        found = {name: np.zeros((len(tokens), len(tags.tags)), np.float32) for name, tags in TAG_SETS.items()}
        for batch in batches(windows(tokens, self.pieces), tokens):
            for name, scores in zip(found, self.session.run(list(found), _inputs(batch)), strict=True):
                for row, window in enumerate(batch.windows):
                    found[name][window.first : window.last] = scores[row, : window.last - window.first]
        return found


def load(path: Path | None = None) -> Encoder:
    """Return the encoder of a file, or the one that ships with the project.

    Raises SettingsError where onnxruntime is not installed, or the file is not such an encoder.
    """
    try:
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf
    except ImportError:
        raise SettingsError(
            "graph.extractor: accurate needs onnxruntime: pip install 'helix-pipeline[entities]'"
        ) from None
    file = path or resources.files(__package__).joinpath("weights", WEIGHTS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        model = file.read_bytes()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        stored = session.get_modelmeta().custom_metadata_map
        pieces, reading = Pieces(stored["vocabulary"].split("\n")), json.loads(stored["reading"])
    except (OSError, LookupError, ValueError, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise SettingsError(
            f"{file} is not the accurate recogniser's network ({_line(error)}): install it anew"
        ) from None
    return Encoder(session, pieces, reading, blake2b(model, digest_size=6).hexdigest())


def chain(tags: TagSet) -> Chain:
    """Return which tags may follow which: `I-` follows `B-` or `I-` of the same label only, and all else is equal."""
    inside = np.arange(2, len(tags.tags), 2)
    first = np.zeros(len(tags.tags), np.float32)
    first[inside] = FORBIDDEN
    transitions = np.tile(first, (len(first), 1))
    transitions[inside - 1, inside] = transitions[inside, inside] = 0
    return Chain(first, transitions)


def _line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]


def _inputs(batch: Batch) -> dict[str, NDArray[np.int64]]:
    return {name: getattr(batch, name) for name in INPUTS}
