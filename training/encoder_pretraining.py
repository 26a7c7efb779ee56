"""Trains the encoder on documentation before it is tuned: writes build/entities-pretrained.pt.

It guesses words that are hidden (Devlin et al. 2019; for texts of the domain, Gururangan et al., "Don't Stop
Pretraining", ACL 2020), and which words the mark-up of documentation sets as code, class, function, ...; the mark-up
itself it does not see. Of the sentences that it is tuned with later it reads the text alone. Seeded.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from documentation import MARKS, prose
from encoder_descent import Descent, Rates, half
from encoder_examples import UNTOLD, Example, arrays, examples, joined
from encoder_network import SIZE, Network
from encoder_start import Start, start
from entity_data import Annotated, Sentence
from held_apart import corpora
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from helix_pipeline.domain.entities.recognition.pieces import Pieces
from helix_pipeline.local.jars import jar_paths

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build" / "entities-pretrained.pt"
WHEELS, SOURCES = ROOT / "build" / "texts", "texts"
"""Folder of the wheels, and configuration of ivy.xml for the sources, that documentation is read from."""

SEED = 5
STEPS, BATCH = 560, 4096
"""Steps, and pieces of a batch: nearly all of the texts once."""

RATES = Rates(layer=2e-4, factor=0.95, new=1e-3, form=0.0)
DROPOUT, HIDDEN = 0.1, 0.15
"""Share of values dropped, and share of words to be guessed."""

MASKED, OTHER = 0.85, 0.05
"""Of the words to be guessed, the share of pieces that are masked and that are others; the rest stays."""

MARKED = 2.0
"""How much guessing the mark-up counts, beside 1 for guessing words."""

ALONE, FEWEST, MOST, TOGETHER = 0.3, 20, 110, 5
"""Share of paragraphs that are read alone, and words of the others with those that follow; sentences, below this."""

STRETCH = 6000
"""Texts that are laid out at a time."""

Grouped = tuple[Annotated, bool]
"""A text, and whether its mark-up is known."""


class Guesses(nn.Module):
    """Guesses hidden pieces from what the last layer gives, by the vectors of the pieces (as BERT does)."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(SIZE, SIZE), nn.LayerNorm(SIZE)
        nn.init.eye_(self.dense.weight)
        nn.init.constant_(self.norm.weight, 0.5)
        self.bias = nn.Parameter(torch.zeros(pieces))

    def forward(self, last: Tensor, vectors: Tensor) -> Tensor:
        """Return scores float[places, pieces]."""
        read = self.norm(functional.gelu(self.dense(last)))
        return functional.linear(read, vectors).float() + self.bias


class Pretraining:
    """Trains one network."""

    def __init__(self, begin: Start) -> None:
        torch.manual_seed(SEED)
        self.random = np.random.default_rng(SEED)
        self.pieces = Pieces(begin.vocabulary)
        self.network = Network(len(begin.vocabulary), {MARKS.name: len(MARKS.tags)}, DROPOUT, SEED)
        self.network.start_from(begin)
        self.network.knows = False
        self.guesses = Guesses(len(begin.vocabulary))

    def train(self, documents: list[Annotated], others: list[list[Sentence]]) -> None:
        """Train on documentation, and on the sentences of corpora."""
        self.network.train()
        descent, began = Descent(self.network, RATES, self.guesses.parameters()), time.monotonic()
        losses = np.zeros(2)
        for step, example in enumerate(islice(self.examples(documents, others), STEPS)):
            words, marks = self._losses(example)
            descent.step(words + MARKED * marks, step / STEPS)
            losses += words.item(), marks.item()
            if step % 20 == 19:
                at, losses = losses / 20, np.zeros(2)
                sys.stdout.write(
                    f"step {step + 1}: words {at[0]:.3f}, marks {at[1]:.4f}, {time.monotonic() - began:.0f} s\n"
                )
                sys.stdout.flush()

    def examples(self, documents: list[Annotated], others: list[list[Sentence]]) -> Iterator[Example]:
        """Yield batches without end, of everything in turn, differently each time."""
        while True:
            texts = [*self._documents(documents), *self._others(others)]
            order = self.random.permutation(len(texts)).tolist()
            for first in range(0, len(texts), STRETCH):
                some = list(self._laid_out([texts[number] for number in order[first : first + STRETCH]]))
                self.random.shuffle(some)
                yield from some

    def _documents(self, documents: list[Annotated]) -> Iterator[Grouped]:
        at = 0
        while at < len(documents):
            most = 0 if self.random.random() < ALONE else self.random.integers(FEWEST, MOST)
            group = [documents[at]]
            words = len(documents[at].text.split())
            while at + len(group) < len(documents) and words < most:
                group.append(documents[at + len(group)])
                words += len(group[-1].text.split())
            at += len(group)
            yield joined(group, "\n"), True

    def _others(self, others: list[list[Sentence]]) -> Iterator[Grouped]:
        for found in others:
            at = 0
            while at < len(found):
                count = int(self.random.integers(1, TOGETHER))
                yield Annotated("\n".join(one.natural().text for one in found[at : at + count]), []), False
                at += count

    def _laid_out(self, texts: list[Grouped]) -> Iterator[Example]:
        known = np.array([marked for _, marked in texts])
        for example in examples(MARKS, [text for text, _ in texts], self.pieces, BATCH):
            yield replace(example, tags=np.where(known[example.rows][:, None], example.tags, UNTOLD))

    def _losses(self, example: Example) -> tuple[Tensor, Tensor]:
        """Return how badly hidden words, and the marks of the others, are guessed."""
        batch = example.batch
        hidden, words = self._chosen(example)
        random = self.random.random(hidden.shape)
        other = self.random.integers(len(self.pieces.numbers), size=hidden.shape)
        masked = np.where(random < MASKED, self.pieces.numbers["[MASK]"], other)
        changed = hidden & (random < MASKED + OTHER)
        read = replace(batch, pieces=np.where(changed, masked, batch.pieces), owner=np.where(changed, 0, batch.owner))
        told = torch.from_numpy(np.where(words, UNTOLD, example.tags)).flatten()
        with half():
            found = self.network(*arrays(read))
            guessed = self.guesses(found["last"][torch.from_numpy(hidden)], self.network.pieces.weight)
        missed = functional.cross_entropy(guessed, torch.from_numpy(batch.pieces[hidden]))
        marks = functional.cross_entropy(found[MARKS.name].flatten(0, 1), told, ignore_index=UNTOLD, reduction="sum")
        return missed, marks / max(1, int((told >= 0).sum()))

    def _chosen(self, example: Example) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which pieces and which words are to be guessed: each piece of a word or none."""
        batch = example.batch
        there = batch.word > 0
        begins = np.zeros_like(batch.pieces)
        np.put_along_axis(begins, np.where(there, batch.first, 0), 1, 1)
        begins[:, 0] = 0
        token = np.clip(begins.cumsum(axis=1) - 1, 0, None)
        words = (self.random.random(batch.word.shape) < HIDDEN) & there
        return np.take_along_axis(words, token, 1) & (batch.owner > 0), words


def main() -> None:
    """Train, and write the weights."""
    packages = [*WHEELS.glob("*.whl"), *jar_paths(SOURCES)]
    documents = prose(sorted(packages, key=lambda path: path.name))
    training = Pretraining(start())
    training.train(documents, [*corpora()[0].values()])
    torch.save(training.network.state_dict(), TARGET)


if __name__ == "__main__":
    main()
