"""What the encoder starts from: bge-small-en-v1.5 (MIT), a sentence model of twelve layers, in a jar that Ivy fetches.

Xiao et al., "C-Pack: Packed Resources For General Chinese Embeddings", SIGIR 2024.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from zipfile import ZipFile

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from helix_pipeline.domain.entities.recognition.pieces import CONTINUES
from helix_pipeline.errors import ToolchainError
from helix_pipeline.local.jars import jar_paths

CONFIGURATION = "sentence-model"
"""Of ivy.xml."""

MODEL, TOKENISER = "bge-small-en-v1.5.onnx", "bge-small-en-v1.5-tokenizer.json"
SHA256 = "828e1496d7fabb79cfa4dcd84fa38625c0d3d21da474a00f08db0f559940cf35"


@dataclass(frozen=True)
class Start:
    """Weights by name, as BERT's, and the vocabulary: those pieces that are kept, in order."""

    weights: Mapping[str, Tensor]
    vocabulary: list[str]


def start() -> Start:
    """Return the sentence model, with the pieces worth keeping. Raises ToolchainError where it cannot be had."""
    (jar,) = jar_paths(CONFIGURATION)
    with ZipFile(jar) as archive:
        model, tokeniser = archive.read(MODEL), json.loads(archive.read(TOKENISER))
    if hashlib.sha256(model).hexdigest() != SHA256:
        raise ToolchainError(f"{MODEL} in {jar} is not the one that training is made for: remove {jar.parent}")
    vocabulary = list(tokeniser["model"]["vocab"])
    kept = [number for number, piece in enumerate(vocabulary) if _worth_keeping(piece)]
    weights = _weights(onnx.load_from_string(model).graph)
    weights["embeddings.word_embeddings.weight"] = weights["embeddings.word_embeddings.weight"][kept]
    return Start(weights, [vocabulary[number] for number in kept])


def _worth_keeping(piece: str) -> bool:
    """Say whether a piece is a mark, of ASCII, or a single character."""
    bare = piece.removeprefix(CONTINUES)
    return (bare.isascii() and not piece.startswith("[unused")) or len(bare) == 1


def _weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """Return the weights of a graph by name; those that it only multiplies by, by the name of that node."""
    found = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in found:
            name = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            found[f"{name}.weight"] = found[node.input[1]].T
    return found
