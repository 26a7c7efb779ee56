"""Writes a trained encoder as an ONNX graph with weights and activations of eight bits.

Activations are quantised with scales that are set here, once: with scales found as the model runs, as is usual, the
result of a text would depend on what else is in its batch. Beforehand each channel is scaled so that inputs and weights
are about equally hard to quantise (SmoothQuant, Xiao et al., ICML 2023). Weights use 7 bits: the instruction that
multiplies them on processors without VNNI adds two products in 16 bits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from encoder_network import EPSILON, HEADS, LAYERS, Network
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

Floats = NDArray[np.float32]

WEIGHT, ACTIVATION = 63, 255
"""Largest weight, and how many steps the values of activations have."""

SMOOTH = 0.75
"""How much of a channel's size goes to the weights: at a half, F1 falls by one point, from 0.7 to 0.9 it does not."""

OPSET, IR = 18, 9
CONTRIB = "com.microsoft"
INPUTS = {
    "pieces": ("windows", "length"),
    "mask": ("windows", "length"),
    "owner": ("windows", "length"),
    "letters": ("spellings", "letter"),
    "forms": ("spellings", "form"),
    "first": ("windows", "words"),
    "last": ("windows", "words"),
    "word": ("windows", "words"),
}


@dataclass
class Range:
    """Smallest and largest value of each channel that a linear layer reads."""

    low: Tensor
    high: Tensor


def ranges(network: Network, batches: Iterable[tuple[Tensor, ...]]) -> dict[str, Range]:
    """Return what each linear layer of the encoder reads on some batches, by the layer's name."""
    found: dict[str, Range] = {}

    def note(name: str, read: Tensor) -> None:
        flat = read.detach().float().flatten(0, 1)
        low, high = flat.amin(0), flat.amax(0)
        known = found.setdefault(name, Range(low, high))
        known.low, known.high = torch.minimum(known.low, low), torch.maximum(known.high, high)

    linear = [(name, part) for name, part in network.layers.named_modules() if isinstance(part, nn.Linear)]
    hooks = [part.register_forward_pre_hook(lambda _, read, name=name: note(name, read[0])) for name, part in linear]
    with torch.no_grad():
        for batch in batches:
            network(*batch)
    for hook in hooks:
        hook.remove()
    return found


@dataclass
class Graph:
    """An ONNX graph in the making."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, values: NDArray[np.generic] | np.generic) -> str:
        """Add a constant and return its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: object) -> list[str]:
        """Add a node and return the names of its outputs."""
        names = [f"{kind}{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def one(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """Add a node of one output and return its name."""
        return self.add(kind, *inputs, domain=domain, **attributes)[0]


@dataclass(frozen=True)
class Trained:
    """The weights of a network, and what its linear layers read."""

    weights: Mapping[str, Floats]
    read: Mapping[str, Range]


def export(network: Network, read: Mapping[str, Range], path: Path) -> None:
    """Write the encoder, given the ranges of what its layers read."""
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    graph = Graph()
    spelling = _spelling(graph, weights)
    known = _known(graph, weights)
    hidden = _embedded(graph, weights, spelling, known)
    mask = graph.one("Cast", "mask", to=TensorProto.INT32)
    for layer in range(LAYERS):
        hidden = _layer(graph, Trained(weights, read), f"{layer}", hidden, mask)
    outputs = _heads(graph, weights, hidden, (spelling, known), [*network.heads])
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in INPUTS.items()]
    made = helper.make_graph(graph.nodes, "encoder", inputs, outputs, graph.constants)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    onnx.save(helper.make_model(made, opset_imports=versions, ir_version=IR), str(path))


def describe(path: Path, texts: Mapping[str, str]) -> None:
    """Write texts into the file of an encoder, by name, instead of those that it has."""
    model = onnx.load(str(path))
    helper.set_model_props(model, dict(texts))
    onnx.save(model, str(path))


def _spelling(graph: Graph, weights: Mapping[str, Floats]) -> str:
    """Return float[spellings, SPELLING]: the largest value of each filter over a word's letters, 0 for no word."""
    letters = graph.one("Gather", graph.constant(weights["letters.weight"]), "letters")
    filters = [graph.constant(weights[f"spelling.{part}"]) for part in ("weight", "bias")]
    found = graph.one("Conv", graph.one("Transpose", letters, perm=[0, 2, 1]), *filters, kernel_shape=[3], pads=[1, 1])
    largest = graph.one("Relu", graph.one("ReduceMax", found, graph.constant(np.array([2])), keepdims=0))
    return graph.one("Mul", largest, _there(graph))


def _known(graph: Graph, weights: Mapping[str, Floats]) -> str:
    """Return float[spellings, FORM]: the sum of the vectors of a word's forms, 0 for no word."""
    found = _looked_up(graph, weights["forms.weight"], "forms")
    return graph.one("Mul", graph.one("ReduceSum", found, graph.constant(np.array([1])), keepdims=0), _there(graph))


def _there(graph: Graph) -> str:
    first = graph.one("Slice", "letters", *(graph.constant(np.array([at])) for at in (0, 1, 1)))
    return graph.one("Cast", graph.one("Greater", first, graph.constant(np.int64(0))), to=TensorProto.FLOAT)


def _looked_up(graph: Graph, table: Floats, numbers: str) -> str:
    """Return rows of a table, which is kept as bytes with a scale for each row."""
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
    rows = graph.one("Gather", graph.constant(np.rint(table / scales).astype(np.int8)), numbers)
    return graph.one(
        "Mul", graph.one("Cast", rows, to=TensorProto.FLOAT), graph.one("Gather", graph.constant(scales), numbers)
    )


def _embedded(graph: Graph, weights: Mapping[str, Floats], spelling: str, known: str) -> str:
    pieces = _looked_up(graph, weights["pieces.weight"], "pieces")
    length = graph.one("Slice", graph.one("Shape", "pieces"), *(graph.constant(np.array([at])) for at in (1, 2)))
    start, axis = graph.constant(np.array([0])), graph.constant(np.array([0]))
    places = graph.one("Slice", graph.constant(weights["places.weight"]), start, length, axis)
    spelt = graph.one("MatMul", spelling, graph.constant(weights["spelt.weight"].T))
    formed = graph.one("MatMul", known, graph.constant(weights["formed.weight"].T))
    word = graph.one("Add", graph.one("Add", spelt, graph.constant(weights["spelt.bias"])), formed)
    spelt = graph.one("Gather", word, "owner")
    hidden = graph.one("Add", graph.one("Add", pieces, places), spelt)
    norm = [graph.constant(weights[f"norm.{part}"]) for part in ("weight", "bias")]
    return graph.one("LayerNormalization", hidden, *norm, epsilon=EPSILON)


def _layer(graph: Graph, trained: Trained, layer: str, hidden: str, mask: str) -> str:
    weights = trained.weights

    def linear(part: str, values: str) -> str:
        name = f"layers.{layer}.{part}"
        return _linear(
            graph, weights[f"{name}.weight"], weights[f"{name}.bias"], trained.read[f"{layer}.{part}"], values
        )

    def added(part: str, values: str, to: str) -> str:
        norm = [graph.constant(weights[f"layers.{layer}.{part}.{kind}"]) for kind in ("weight", "bias")]
        return graph.one("SkipLayerNormalization", values, to, *norm, domain=CONTRIB, epsilon=EPSILON)

    parts = graph.add("Split", linear("attend", hidden), outputs=3, axis=-1, num_outputs=3)
    seen = graph.one("MultiHeadAttention", *parts, "", mask, domain=CONTRIB, num_heads=HEADS)
    hidden = added("first", linear("attended", seen), hidden)
    wide = graph.one("Gelu", linear("widen", hidden), domain=CONTRIB)
    return added("second", linear("narrow", wide), hidden)


def _linear(graph: Graph, weight: Floats, bias: Floats, read: Range, values: str) -> str:
    """Return values @ weight.T + bias with integers, after giving most of each channel's size to the weights."""
    low, high = read.low.numpy(), read.high.numpy()
    largest = np.maximum(np.maximum(-low, high), 1e-5)
    smooth = (largest**SMOOTH / np.maximum(np.abs(weight).max(axis=0), 1e-5) ** (1 - SMOOTH)).astype(np.float32)
    least, most = min(0.0, float((low / smooth).min())), max(0.0, float((high / smooth).max()))
    step = np.float32((most - least) / ACTIVATION)
    zero = np.uint8(np.clip(np.rint(-least / step), 0, ACTIVATION))
    scaled = weight * smooth
    scales = (np.abs(scaled).max(axis=1) / WEIGHT).astype(np.float32)
    whole = np.rint(scaled / scales[:, None]).astype(np.int8).T
    steps, zeros = graph.constant(step), graph.constant(zero)
    small = graph.one("QuantizeLinear", graph.one("Mul", values, graph.constant(1 / smooth)), steps, zeros)
    inputs = (small, graph.constant(np.ascontiguousarray(whole)), steps, graph.constant(scales), zeros, "")
    return graph.one("MatMulIntegerToFloat", *inputs, graph.constant(bias), domain=CONTRIB)


def _heads(
    graph: Graph, weights: Mapping[str, Floats], hidden: str, words: tuple[str, str], names: list[str]
) -> list[onnx.ValueInfoProto]:
    last = graph.constant(np.array([2]))
    ends = [
        graph.one("GatherND", hidden, graph.one("Unsqueeze", name, last), batch_dims=1) for name in ("first", "last")
    ]
    spelling, known = (graph.one("Gather", part, "word") for part in words)
    read = graph.one("Concat", *ends, spelling, axis=2)
    for name in names:
        product = graph.one("MatMul", read, graph.constant(weights[f"heads.{name}.weight"].T))
        product = graph.one("Add", product, graph.constant(weights[f"heads.{name}.bias"]))
        by_form = graph.one("MatMul", known, graph.constant(weights[f"form_heads.{name}.weight"].T))
        graph.nodes.append(helper.make_node("Add", [product, by_form], [name]))
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
