"""Trains the accurate recogniser: writes helix_pipeline/stores/extractors/weights/encoder.onnx.

The encoder that encoder_pretraining.py wrote is tuned for both corpora at once, each with tags of its own. What it
reads is what it will read later: texts cut by recognition/tokens.py, several sentences of a post beside each other or
one alone. Confidence is calibrated, together with a fast recogniser, on a twelfth of the training sentences, which
neither of them was trained on. Seeded.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import entities_fast
import numpy as np
import torch
from calibration import UNREAD, calibrated
from encoder_descent import Descent, Rates, half
from encoder_examples import UNTOLD, Example, arrays, examples, joined
from encoder_export import describe, export, ranges
from encoder_network import Network
from encoder_pretraining import TARGET as PRETRAINED
from encoder_start import start
from entity_data import Annotated, Sentence
from held_apart import Corpora, corpora
from torch.nn import functional

from helix_pipeline.domain.entities.recognition.labels import TAG_SETS
from helix_pipeline.domain.entities.recognition.pieces import Pieces
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.windows import Batch
from helix_pipeline.stores.extractors import accurate, encoder

TARGET = Path(__file__).parents[1] / "helix_pipeline" / "stores" / "extractors" / "weights" / "encoder.onnx"

SEED = 20260601
FIRST, SECOND, BATCH = 7, 4, 2048
"""Times that each sentence is read without the forms of words, and then with them; and pieces of a batch. What the
forms tell is learnt fast, and would keep the encoder from learning."""

RATES = Rates(layer=1.2e-4, factor=0.92, new=1e-3, form=4e-3)
DROPOUT, HIDDEN_WORDS = 0.1, 0.05
"""Share of values dropped, and share of words hidden."""

AVERAGE, AVERAGED = 0.99, 0.6
"""The weights shipped are a moving average: its momentum, and the share of the steps before it begins."""

ALONE, LONGEST = 0.4, 110
"""Share of sentences that are read alone, and tokens of the others with those that follow them, at most."""

MASK = "[MASK]"
TUNED = ("heads", "kind", "form")
"""Beginnings of the names of weights that pretraining does not give."""


class Trainer:
    """Trains one network. All that is random follows from `seed`."""

    def __init__(self, vocabulary: list[str], seed: int) -> None:
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.pieces = Pieces(vocabulary)
        self.network = Network(len(vocabulary), {name: len(one.tags) for name, one in TAG_SETS.items()}, DROPOUT, seed)

    def take(self, weights: dict[str, torch.Tensor], leaving: tuple[str, ...]) -> None:
        """Take the weights of another network, but for those whose names begin so."""
        taken = {name: value for name, value in weights.items() if not name.startswith(leaving)}
        self.network.load_state_dict(taken, strict=False)

    def train(self, corpora: Corpora, epochs: int) -> None:
        """Train on the sentences of each corpus (by the name of its tags), and keep the average of the weights."""
        descent = Descent(self.network, RATES)
        average = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
        )
        began = time.monotonic()
        for epoch in range(epochs):
            some = list(self.examples(corpora))
            self.random.shuffle(some)
            total = 0.0
            for number, example in enumerate(some):
                share = (epoch + number / len(some)) / epochs
                total += self._step(descent, example, share)
                if share > AVERAGED:
                    average.update_parameters(self.network)
            sys.stdout.write(f"epoch {epoch + 1}: loss {total / len(some):.3f}, {time.monotonic() - began:.0f} s\n")
            sys.stdout.flush()
        self.network.load_state_dict(average.module.state_dict())
        self.network.eval()

    def examples(self, corpora: Corpora) -> Iterator[Example]:
        """Yield the sentences as batches, differently each time."""
        for name, found in corpora.items():
            yield from examples(TAG_SETS[name], [*self._texts(found)], self.pieces, BATCH)

    def _step(self, descent: Descent, example: Example, share: float) -> float:
        self.network.train()
        with half():
            found = self.network(*arrays(self._hidden(example.batch)))
        name, tags = example.tag_set.name, torch.from_numpy(example.tags)
        kind = torch.full((len(tags),), [*TAG_SETS].index(name))
        wrong = functional.cross_entropy(found[name].flatten(0, 1), tags.flatten(), ignore_index=UNTOLD)
        wrong = wrong + 0.1 * functional.cross_entropy(found["kind"][:, 0], kind, label_smoothing=0.05)
        descent.step(wrong, share)
        return wrong.item()

    def _hidden(self, batch: Batch) -> Batch:
        """Hide the pieces of some words, and the letters of others."""
        hides, forgets = (self.random.random(len(batch.letters)) < HIDDEN_WORDS for _ in range(2))
        hides[0] = False
        pieces = np.where(hides[batch.owner] & (batch.mask > 0), self.pieces.numbers[MASK], batch.pieces)
        letters = np.where(forgets[:, None], 0, batch.letters)
        return replace(batch, pieces=pieces, letters=letters)

    def _texts(self, found: list[Sentence]) -> Iterator[Annotated]:
        """Yield texts of one sentence or several that follow each other, spaced in one way or another."""
        at = 0
        while at < len(found):
            most = 0 if self.random.random() < ALONE else self.random.integers(20, LONGEST)
            group = [found[at]]
            while at + len(group) < len(found) and sum(len(one.tokens) for one in group) < most:
                group.append(found[at + len(group)])
            at += len(group)
            natural, between = self.random.random() < 0.5, "\n" if self.random.random() < 0.5 else " "
            yield joined([one.natural() if natural else one.spaced() for one in group], between)


def twin(seen: Corpora) -> TaggedRecogniser:
    """Return a fast recogniser that was trained on these sentences, but for its calibration."""
    return entities_fast.uncalibrated(entities_fast.learnt(seen, SEED))


def write(trainer: Trainer, seen: Corpora, held: Corpora, target: Path) -> None:
    """Write the model with how its scores are read, after they were calibrated as the written model gives them."""
    some = [one.batch for one in trainer.examples(seen)][::8]
    export(trainer.network, ranges(trainer.network, map(arrays, some)), target)
    metadata = {"vocabulary": "\n".join(trainer.pieces.numbers), "reading": json.dumps(dict.fromkeys(TAG_SETS, UNREAD))}
    describe(target, metadata)
    reader = accurate.recogniser(encoder.load(target), twin(seen))
    reading = calibrated(reader, held)
    describe(target, {**metadata, "reading": json.dumps(reading)})
    sys.stdout.write(f"{target.name}: {target.stat().st_size / 2**20:.1f} MiB\n")


def main() -> None:
    """Train, calibrate and write the model."""
    seen, held = corpora()
    vocabulary = start().vocabulary
    first, second = (Trainer(vocabulary, SEED + number) for number in (0, 1))
    first.take(torch.load(PRETRAINED), TUNED)
    first.network.knows = False
    first.train(seen, FIRST)
    second.take(first.network.state_dict(), ("form",))
    second.train(seen, SECOND)
    write(second, seen, held, TARGET)


if __name__ == "__main__":
    main()
