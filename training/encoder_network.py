"""The encoder as it is trained: a BERT of twelve layers that also reads letters, with a head for each kind of text.

Devlin et al. 2019 for the layers, Ma & Hovy 2016 for reading letters by a convolution. It computes what the graph
 of encoder_export.py computes; the arrays are those of recognition/windows.py.
"""

from collections.abc import Mapping

import torch
from encoder_start import Start
from torch import Tensor, nn
from torch.nn import functional

from helix_pipeline.domain.entities.recognition.pieces import ALPHABET, BUCKETS

SIZE, INNER, HEADS, LAYERS, PLACES = 384, 1536, 12, 12, 176
"""Of the sentence model: features, features between, attention heads, layers; and pieces of the longest window."""

SPELLING, LETTER, FORM = 128, 32, 48
"""Features of a word's spelling, of a letter, and of a form of a word."""

EPSILON = 1e-12
HIDDEN = -1e4
"""Added to the attention that a piece pays to no piece."""


class Noise:
    """Drops values as dropout does, by slices of one mask: drawing one for each value takes a tenth of the time."""

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._random = share, torch.Generator().manual_seed(seed)
        kept = torch.rand(1 << 25, generator=self._random) >= share
        self._mask = (kept / (1 - share)).to(torch.bfloat16)

    def __call__(self, values: Tensor, training: bool) -> Tensor:
        """Return the values, in training a share of them as 0 and the others larger by as much."""
        if not training:
            return values
        start = int(torch.randint(len(self._mask) - values.numel(), (1,), generator=self._random))
        return values * self._mask[start : start + values.numel()].view(values.shape).to(values.dtype)


class Layer(nn.Module):
    """Attention, then two linear layers, each added to what it read and normalised."""

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self.noise = noise
        self.attend, self.attended = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)
        self.widen, self.narrow = nn.Linear(SIZE, INNER), nn.Linear(INNER, SIZE)
        self.first, self.second = nn.LayerNorm(SIZE, eps=EPSILON), nn.LayerNorm(SIZE, eps=EPSILON)

    def forward(self, hidden: Tensor, hides: Tensor) -> Tensor:
        """Return float[windows, pieces, SIZE]; `hides` is added to the attention."""
        count, length, _ = hidden.shape
        query, key, value = self.attend(hidden).view(count, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        share = ((query @ key.transpose(2, 3)) * (SIZE // HEADS) ** -0.5 + hides).softmax(-1, dtype=query.dtype)
        seen = self.attended((share @ value).transpose(1, 2).reshape(count, length, SIZE))
        hidden = self.first(hidden + self.noise(seen, self.training))
        wide = self.narrow(functional.gelu(self.widen(hidden)))
        read: Tensor = self.second(hidden + self.noise(wide, self.training))
        return read


class Network(nn.Module):
    """All of it. `heads` gives the number of tags of each kind of text; `pieces` is the size of the vocabulary.

    Unless it `knows`, it does without the forms of words.
    """

    def __init__(self, pieces: int, heads: Mapping[str, int], dropout: float, seed: int) -> None:
        super().__init__()
        self.knows = True
        self.noise, self.head_noise = Noise(dropout, seed), Noise(2 * dropout, seed + 1)
        self.pieces, self.places = nn.Embedding(pieces, SIZE), nn.Embedding(PLACES, SIZE)
        self.norm = nn.LayerNorm(SIZE, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(self.noise) for _ in range(LAYERS))
        self.letters = nn.Embedding(ALPHABET, LETTER, padding_idx=0)
        self.spelling = nn.Conv1d(LETTER, SPELLING, 3, padding=1)
        self.spelt = nn.Linear(SPELLING, SIZE)
        nn.init.zeros_(self.spelt.weight)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * SIZE + SPELLING, tags) for name, tags in heads.items()})
        self.kind = nn.Linear(SIZE, len(heads))
        self.forms, self.formed = nn.Embedding(BUCKETS, FORM), nn.Linear(FORM, SIZE, bias=False)
        self.form_heads = nn.ModuleDict({name: nn.Linear(FORM, tags, bias=False) for name, tags in heads.items()})
        nn.init.normal_(self.forms.weight, std=0.05)
        nn.init.zeros_(self.formed.weight)

    def start_from(self, start: Start) -> None:
        """Take the weights of the sentence model."""
        stored = start.weights
        state = {
            "pieces.weight": stored["embeddings.word_embeddings.weight"],
            "places.weight": stored["embeddings.position_embeddings.weight"][:PLACES]
            + stored["embeddings.token_type_embeddings.weight"][0],
        }
        for part in ("weight", "bias"):
            state[f"norm.{part}"] = stored[f"embeddings.LayerNorm.{part}"]
            for layer in range(LAYERS):
                state |= _layer(stored, f"encoder.layer.{layer}", f"layers.{layer}", part)
        self.load_state_dict(state, strict=False)

    def forward(
        self, pieces: Tensor, mask: Tensor, owner: Tensor, letters: Tensor, *words: Tensor
    ) -> dict[str, Tensor]:
        """Return the emissions of each head float[windows, words, tags], and `last` float[windows, pieces, SIZE].

        The latter is what the last layer gives each piece.
        """
        forms, first, last, word = words
        there = letters[:, :1] > 0
        spelling = functional.relu(self.spelling(self.letters(letters).transpose(1, 2)).amax(2))
        spelling = self.head_noise(spelling * there, self.training)
        known = self.head_noise(self.forms(forms).sum(1) * there, self.training) * self.knows
        hidden = (
            self.pieces(pieces)
            + self.places.weight[: pieces.shape[1]]
            + (self.spelt(spelling) + self.formed(known))[owner]
        )
        hidden = self.noise(self.norm(hidden), self.training)
        hides = ((1 - mask) * HIDDEN).to(torch.get_autocast_dtype("cpu") if self.training else hidden.dtype)
        for layer in self.layers:
            hidden = layer(hidden, hides[:, None, None])
        ends = [hidden.gather(1, place[:, :, None].expand(-1, -1, SIZE)) for place in (first, last)]
        read = self.head_noise(torch.cat([*ends, spelling[word]], 2), self.training)
        found = {name: (head(read) + self.form_heads[name](known)[word]).float() for name, head in self.heads.items()}
        return {**found, "kind": self.kind(hidden).float(), "last": hidden}


def _layer(stored: Mapping[str, Tensor], source: str, target: str, part: str) -> dict[str, Tensor]:
    own = f"{source}.attention.self"
    return {
        f"{target}.attend.{part}": torch.cat([stored[f"{own}.{name}.{part}"] for name in ("query", "key", "value")]),
        f"{target}.attended.{part}": stored[f"{source}.attention.output.dense.{part}"],
        f"{target}.first.{part}": stored[f"{source}.attention.output.LayerNorm.{part}"],
        f"{target}.widen.{part}": stored[f"{source}.intermediate.dense.{part}"],
        f"{target}.narrow.{part}": stored[f"{source}.output.dense.{part}"],
        f"{target}.second.{part}": stored[f"{source}.output.LayerNorm.{part}"],
    }
