"""Reads the network of the fast recogniser from the arrays that it is stored as."""

from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.entities.recognition.crf import Chain
from helix_pipeline.domain.entities.recognition.labels import TAG_SETS
from helix_pipeline.domain.entities.recognition.network import Convolution, Head, Network

Arrays = Mapping[str, NDArray[Any]]


def load(file: IO[bytes]) -> Network:
    """Read a network as `network` describes it."""
    with np.load(file) as arrays:
        return network({name: arrays[name] for name in arrays.files})


def network(arrays: Arrays) -> Network:
    """Return the network that arrays describe; all are read as float32.

    `table` with `table_scales` for its rows; `mix`, `bias`; for each layer `layer0_weights`, `_bias`, `_gain`,
    `_shift`, `_dilation`; for each tag set, by its name, `software_of_word`, `_of_context`, `_of_text`, `_bias`,
    `_first`, `_transitions`.
    """
    wide = {name: array.astype(np.float32) for name, array in arrays.items()}
    layers = [_layer(wide, f"layer{number}") for number in range(sum(name.endswith("_dilation") for name in wide))]
    heads = {name: _head(wide, name) for name in TAG_SETS}
    return Network(wide["table"] * wide["table_scales"][:, None], wide["mix"], wide["bias"], layers, heads)


def _layer(arrays: Arrays, name: str) -> Convolution:
    weights, bias, gain, shift = (arrays[f"{name}_{part}"] for part in ("weights", "bias", "gain", "shift"))
    return Convolution(weights, bias, gain, shift, int(arrays[f"{name}_dilation"]))


def _head(arrays: Arrays, name: str) -> Head:
    chain = Chain(arrays[f"{name}_first"], arrays[f"{name}_transitions"])
    word, context, text, bias = (arrays[f"{name}_{part}"] for part in ("of_word", "of_context", "of_text", "bias"))
    return Head(word, context, text, bias, chain)
