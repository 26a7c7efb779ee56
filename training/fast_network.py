"""The network of recognition/network.py in torch, to be trained: the same layers, and the loss of its two heads.

Its arrays, as `arrays` gives them, are what weights_file.py reads.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from helix_pipeline.domain.entities.recognition.features import BUCKETS, DENSE, features
from helix_pipeline.domain.entities.recognition.labels import BEGIN, INSIDE, TAG_SETS

HASHED, SIZE, DILATIONS, TAPS = 96, 128, (1, 2), 3
WORD_DROPOUT, FEATURE_DROPOUT, INPUT_DROPOUT, DROPOUT = 0.2, 0.3, 0.3, 0.4
IMPOSSIBLE = -30.0
"""Score of a tag that cannot stand where it does: `I-` of a label after another label, or first in a text."""


class Vocabulary:
    """The features of all words of the training texts."""

    def __init__(self, words: list[str]) -> None:
        found = features(words)
        self.columns = torch.from_numpy(found.hashed.indices.astype(np.int64))
        self.weights = torch.from_numpy(found.hashed.data)
        self.bounds = torch.from_numpy(found.hashed.indptr.astype(np.int64))
        self.dense = torch.from_numpy(found.dense)

    def bags(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return columns, weights and the offsets of the features of words, as EmbeddingBag takes them."""
        sizes = (self.bounds[1:] - self.bounds[:-1])[words]
        offsets = sizes.cumsum(0) - sizes
        places = torch.repeat_interleave(self.bounds[words] - offsets, sizes) + torch.arange(int(sizes.sum()))
        return self.columns[places], self.weights[places], offsets


@dataclass(frozen=True)
class Batch:
    """Texts side by side: `words` and `tags` int64[texts, longest]; `there` bool[texts, longest] where any are."""

    words: Tensor
    tags: Tensor
    there: Tensor


class FastNetwork(nn.Module):
    """The network: words to scores of the tags of one tag set."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, HASHED, mode="sum")
        nn.init.normal_(self.table.weight, std=0.1)
        self.mix = nn.Linear(HASHED + DENSE, SIZE)
        self.unknown = nn.Parameter(torch.zeros(SIZE))
        self.layers = nn.ModuleList(
            nn.Conv1d(SIZE, SIZE, TAPS, padding=TAPS // 2 * step, dilation=step) for step in DILATIONS
        )
        self.norms = nn.ModuleList(nn.LayerNorm(SIZE) for _ in DILATIONS)
        self.heads = nn.ModuleDict({name: nn.Linear(3 * SIZE, len(one.tags)) for name, one in TAG_SETS.items()})
        self.chains = nn.ModuleDict({name: _Chain(one.tags) for name, one in TAG_SETS.items()})

    def forward(self, vocabulary: Vocabulary, batch: Batch, tag_set: str) -> Tensor:
        """Return the scores float32[texts, longest, tags]."""
        there = batch.there[..., None].float()
        alone = self._words(vocabulary, batch.words) * there
        context = functional.dropout(alone, DROPOUT, self.training)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            seen = torch.relu(layer(context.transpose(1, 2)).transpose(1, 2))
            context = norm(context + functional.dropout(seen, DROPOUT, self.training)) * there
        text = alone.sum(dim=1, keepdim=True) / there.sum(dim=1, keepdim=True)
        return self.heads[tag_set](torch.cat([alone, context, text.expand_as(alone)], dim=2))

    def loss(self, vocabulary: Vocabulary, batch: Batch, tag_set: str) -> Tensor:
        """Return the negative log-likelihood of the tags, per token."""
        chain = self.chains[tag_set]
        return chain.surprise(self(vocabulary, batch, tag_set), batch).sum() / batch.there.sum()

    def _words(self, vocabulary: Vocabulary, words: Tensor) -> Tensor:
        distinct, number = torch.unique(words, return_inverse=True)
        columns, weights, offsets = vocabulary.bags(distinct)
        weights = functional.dropout(weights, FEATURE_DROPOUT, self.training)
        hashed = self.table(columns, offsets, per_sample_weights=weights)
        seen = functional.dropout(torch.cat([hashed, vocabulary.dense[distinct]], dim=1), INPUT_DROPOUT, self.training)
        vectors = torch.relu(self.mix(seen))[number]
        if not self.training:
            return vectors
        return torch.where(torch.rand(*words.shape, 1) < WORD_DROPOUT, self.unknown, vectors)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the weights as they are stored: the table as int8 with a scale for each row, the others as float16."""
        table = self.table.weight.detach().numpy()
        scales = np.maximum(np.abs(table).max(axis=1), 1e-8) / 127
        stored = {"table": np.rint(table / scales[:, None]).astype(np.int8), "table_scales": scales.astype(np.float32)}
        stored |= {"mix": _half(self.mix.weight.T), "bias": _half(self.mix.bias)}
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            parts = {
                "weights": layer.weight.permute(2, 1, 0),
                "bias": layer.bias,
                "gain": norm.weight,
                "shift": norm.bias,
            }
            stored |= {f"layer{number}_{part}": _half(values) for part, values in parts.items()}
            stored[f"layer{number}_dilation"] = np.array(layer.dilation[0], np.int32)
        for name, head in self.heads.items():
            first, transitions = self.chains[name].scores()
            word, context, text = head.weight.T.split(SIZE)
            parts = {"of_word": word, "of_context": context, "of_text": text, "bias": head.bias}
            parts |= {"first": first, "transitions": transitions}
            stored |= {f"{name}_{part}": _half(values) for part, values in parts.items()}
        return stored


class _Chain(nn.Module):
    """A linear-chain CRF over the tags of a tag set."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        super().__init__()
        inside = torch.tensor([tag.startswith(INSIDE) for tag in tags])
        same = torch.tensor([[one[len(BEGIN) :] == other[len(BEGIN) :] for other in tags] for one in tags])
        self.register_buffer("not_first", inside)
        self.register_buffer("not_after", inside[None, :] & ~same)
        self.first = nn.Parameter(torch.zeros(len(tags)))
        self.transitions = nn.Parameter(torch.zeros(len(tags), len(tags)))

    def scores(self) -> tuple[Tensor, Tensor]:
        """Return the scores of first tags and of tags (columns) after others (rows)."""
        first = self.first.masked_fill(self.not_first, IMPOSSIBLE)
        return first, self.transitions.masked_fill(self.not_after, IMPOSSIBLE)

    def surprise(self, emissions: Tensor, batch: Batch) -> Tensor:
        """Return the negative log-likelihood of each text's tags."""
        first, transitions = self.scores()
        tags, there = batch.tags, batch.there
        chosen = emissions.gather(2, tags[..., None])[..., 0] * there
        moves = transitions[tags[:, :-1], tags[:, 1:]] * there[:, 1:]
        return self._all(emissions, there, first, transitions) - first[tags[:, 0]] - chosen.sum(1) - moves.sum(1)

    def _all(self, emissions: Tensor, there: Tensor, first: Tensor, transitions: Tensor) -> Tensor:
        """Return the logarithm of the sum over all ways to tag each text."""
        step, total = transitions.exp(), first + emissions[:, 0]
        for place in range(1, emissions.shape[1]):
            largest = total.max(dim=1, keepdim=True).values.detach()
            onward = ((total - largest).exp() @ step + 1e-30).log() + largest + emissions[:, place]
            total = torch.where(there[:, place, None], onward, total)
        return total.logsumexp(dim=1)


def _half(values: Tensor) -> NDArray[np.float16]:
    return values.detach().numpy().astype(np.float16)
