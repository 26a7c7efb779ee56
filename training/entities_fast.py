"""Trains the fast recogniser: writes helix_pipeline/domain/entities/recognition/weights/fast.{npz,json}. Seeded.

torch trains the network (fast_network.py), which runs without it. Learnt from are the training parts of
StackOverflowNER and WNUT17; besides, the software head learns what is not software, and the general head who and what
ordinary messages name (entity_texts.py). Thresholds and calibration come from texts of the training
parts that were held out.
"""

import copy
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from calibration import UNREAD, calibrated
from fast_network import Batch, FastNetwork, Vocabulary
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from entity_data import CORPORA, Annotated, Sentence, sentences
from entity_texts import messages, named, passages

from helix_pipeline.domain.entities import gazetteer
from helix_pipeline.domain.entities.recognition import fast, weights_file
from helix_pipeline.domain.entities.recognition.decoding import Stored
from helix_pipeline.domain.entities.recognition.fast import recogniser
from helix_pipeline.domain.entities.recognition.labels import GENERAL, SOFTWARE, TAG_SETS, TagSet
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.tokens import tokenise

SEED = 20261121
EPOCHS = 5
HELD_OUT = 4
"""One part in so many of each corpus, its last texts, is what thresholds and calibration are fitted on."""

RATE, DECAY, WARM_UP, CLIP = 2e-3, 1e-2, 200, 2.0
TOKENS = 700
"""Tokens of a batch, padding included."""

AVERAGED = 0.998
"""Share of the running mean of the weights that stays at each step; the mean is what is kept (Polyak averaging)."""

NATURAL, JOINED = 0.3, 0.3
"""Share of texts that are spaced as people write; chance that the next sentence is in the same text."""

QUIET, NAMED = 3000, 1000
"""Texts of each kind (entity_texts.py) that name no software, and messages whose names are marked; half of them take
part in each pass."""

NOT_QUIET = {"product", "corporation"}

Row = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Example:
    """A text in the two ways that it may be written, each as (words, tags)."""

    spaced: Row
    natural: Row


class Encoder:
    """Numbers the words of all texts."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def row(self, text: Annotated, tags: TagSet) -> Row:
        """Return the words and the tags of a text, by number: a token that shares a letter with a span is tagged."""
        tokens = tokenise([text.text])
        words = [self.numbers.setdefault(word, len(self.numbers)) for word in tokens.words]
        tagged = np.zeros(len(tokens), np.int64)
        for start, end, label in text.spans:
            inside = np.flatnonzero((tokens.start < end) & (tokens.end > start))
            tagged[inside] = tags.tags.index(f"I-{label}")
            tagged[inside[:1]] -= 1
        return np.array(words, np.int64)[tokens.word], tagged

    def example(self, sentence: Sentence, tags: TagSet) -> Example:
        """Return a sentence as an example."""
        return Example(self.row(sentence.spaced(), tags), self.row(sentence.natural(), tags))


def main() -> None:
    """Write the weights, the thresholds and the calibration."""
    torch.set_num_threads(1)
    encoder = Encoder()
    known = {tags.name: sentences(corpus, "train") for corpus, tags in CORPORA.items()}
    examples = {name: [encoder.example(one, TAG_SETS[name]) for one in some] for name, some in known.items()}
    added = further(encoder, known[GENERAL.name])
    vocabulary = Vocabulary(list(encoder.numbers))
    read = decoding(vocabulary, known, examples, added)
    network = trained(vocabulary, examples, added, SEED)
    folder = Path(fast.__file__).parent / "weights"
    folder.mkdir(exist_ok=True)
    np.savez(folder / fast.WEIGHTS, **network.arrays())
    (folder / fast.DECODING).write_text(json.dumps(read, indent=1) + "\n", encoding="utf-8")


def further(encoder: Encoder, general: Sequence[Sentence]) -> dict[str, list[Row]]:
    """Return what each tag set learns from besides its corpus: what is not software, and who messages name."""
    names = named()
    return {
        SOFTWARE.name: [encoder.row(one, SOFTWARE) for one in quiet_texts(general)],
        GENERAL.name: [encoder.row(names[number], GENERAL) for number in some(NAMED, len(names))],
    }


def quiet_texts(general: Sequence[Sentence]) -> Iterator[Annotated]:
    """Yield texts that name nothing of software."""
    for sentence in general:
        if not {tag[2:] for tag in sentence.tags} & NOT_QUIET:
            yield Annotated(sentence.natural().text, [])
    for texts in (messages(), passages()):
        for number in some(QUIET, len(texts)):
            yield Annotated(texts[number], [])


def some(number: int, size: int) -> list[int]:
    """Return so many numbers below a size, the same each time."""
    return np.random.default_rng(SEED).permutation(size)[:number].tolist()


def learnt(known: dict[str, list[Sentence]], seed: int) -> FastNetwork:
    """Return a network trained on the sentences of each tag set, by its name."""
    encoder = Encoder()
    examples = {name: [encoder.example(one, TAG_SETS[name]) for one in some] for name, some in known.items()}
    added = further(encoder, known[GENERAL.name])
    return trained(Vocabulary(list(encoder.numbers)), examples, added, seed)


def uncalibrated(network: FastNetwork) -> TaggedRecogniser:
    """Return the recogniser that a network makes, with its probabilities as they are."""
    decoding = dict.fromkeys(TAG_SETS, UNREAD)
    return recogniser(weights_file.network(network.arrays()), decoding, gazetteer.load(), "")


def decoding(
    vocabulary: Vocabulary,
    known: dict[str, list[Sentence]],
    examples: dict[str, list[Example]],
    added: dict[str, list[Row]],
) -> dict[str, Stored]:
    """Return how the scores of each tag set are read, fitted on what a network finds in texts held out from it."""
    kept = {name: len(texts) - len(texts) // HELD_OUT for name, texts in examples.items()}
    rest = {name: texts[: kept[name]] for name, texts in examples.items()}
    reader = uncalibrated(trained(vocabulary, rest, added, SEED + 1))
    return calibrated(reader, {name: texts[kept[name] :] for name, texts in known.items()})


def trained(
    vocabulary: Vocabulary, examples: dict[str, list[Example]], added: dict[str, list[Row]], seed: int
) -> FastNetwork:
    """Return a network trained on the examples of both tag sets."""
    torch.manual_seed(seed)
    chance, network = np.random.default_rng(seed), FastNetwork()
    mean = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    epochs = [list(epoch(examples, added, chance)) for _ in range(EPOCHS)]
    total = sum(map(len, epochs))
    for step, (name, batch) in enumerate(chain.from_iterable(epochs), 1):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, step / WARM_UP) * max(0.02, 1 - step / total)
        optimiser.zero_grad()
        network.loss(vocabulary, batch, name).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        with torch.no_grad():
            kept = min(AVERAGED, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(mean.parameters()), list(network.parameters()), 1 - kept)
    return mean


def epoch(
    examples: dict[str, list[Example]], added: dict[str, list[Row]], chance: np.random.Generator
) -> Iterator[tuple[str, Batch]]:
    """Yield the batches of one pass, mixed, each with the tag set that it is of."""
    batches = []
    for name, some in examples.items():
        rows = joined([one.natural if chance.random() < NATURAL else one.spaced for one in some], chance)
        rows += joined(half(added[name], chance), chance)
        batches += [(name, batch) for batch in batched(rows, chance)]
    chance.shuffle(batches)
    yield from batches


def half(rows: list[Row], chance: np.random.Generator) -> list[Row]:
    """Return half of the rows, in no order."""
    return [rows[number] for number in chance.permutation(len(rows))[: len(rows) // 2]]


def joined(rows: list[Row], chance: np.random.Generator) -> list[Row]:
    """Return texts of one or more of the rows, in order."""
    groups: list[list[Row]] = []
    for row in rows:
        if not groups or chance.random() >= JOINED:
            groups.append([])
        groups[-1].append(row)
    return [tuple(map(np.concatenate, zip(*group, strict=True))) for group in groups]


def batched(rows: list[Row], chance: np.random.Generator) -> Iterator[Batch]:
    """Yield the rows in batches of similar length, of about `TOKENS`."""
    rows = sorted((row for row in rows if len(row[0])), key=lambda row: (len(row[0]), chance.random()))
    some: list[Row] = []
    for row in rows:
        if some and (len(some) + 1) * len(row[0]) > TOKENS:
            yield side_by_side(some)
            some = []
        some.append(row)
    if some:
        yield side_by_side(some)


def side_by_side(rows: list[Row]) -> Batch:
    """Return rows as one batch."""
    shape = len(rows), max(len(words) for words, _ in rows)
    words, tags, there = (torch.zeros(shape, dtype=kind) for kind in (torch.long, torch.long, torch.bool))
    for number, (of_words, of_tags) in enumerate(rows):
        words[number, : len(of_words)] = torch.from_numpy(of_words)
        tags[number, : len(of_words)] = torch.from_numpy(of_tags)
        there[number, : len(of_words)] = True
    return Batch(words, tags, there)


if __name__ == "__main__":
    main()
