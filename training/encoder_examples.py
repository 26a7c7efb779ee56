"""Texts as the encoder reads them, with the tags of their tokens: batches of windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from encoder_export import INPUTS
from entity_data import Annotated
from numpy.typing import NDArray
from torch import Tensor

from helix_pipeline.domain.entities.recognition.labels import BEGIN, INSIDE, TagSet
from helix_pipeline.domain.entities.recognition.pieces import Pieces
from helix_pipeline.domain.entities.recognition.tokens import Tokens, tokenise
from helix_pipeline.domain.entities.recognition.windows import Batch, batches, windows

UNTOLD = -1
"""The tag of a token that teaches nothing."""


@dataclass(frozen=True)
class Example:
    """A batch of one tag set: `tags` int64[windows, words] has the number of each token's tag, `UNTOLD` for none.

    `rows` int64[windows] says which text each window is of.
    """

    tag_set: TagSet
    batch: Batch
    tags: NDArray[np.int64]
    rows: NDArray[np.int64]


def examples(tag_set: TagSet, texts: Sequence[Annotated], pieces: Pieces, size: int) -> Iterator[Example]:
    """Yield texts in batches of about `size` pieces."""
    tokens = tokenise([one.text for one in texts])
    tags = token_tags(tokens, texts, tag_set)
    for batch in batches(windows(tokens, pieces), tokens, size):
        told = np.full(batch.word.shape, UNTOLD)
        for row, window in enumerate(batch.windows):
            told[row, : window.last - window.first] = tags[window.first : window.last]
        yield Example(tag_set, batch, told, tokens.row[[window.first for window in batch.windows]])


def token_tags(tokens: Tokens, texts: Sequence[Annotated], tag_set: TagSet) -> NDArray[np.int64]:
    """Return the number of each token's tag: those that a span touches are of it."""
    numbers = {tag: number for number, tag in enumerate(tag_set.tags)}
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


def joined(parts: Sequence[Annotated], between: str) -> Annotated:
    """Return some texts as one."""
    spans, start = [], 0
    for part in parts:
        spans += [(start + first, start + last, label) for first, last, label in part.spans]
        start += len(part.text) + len(between)
    return Annotated(between.join(part.text for part in parts), spans)


def arrays(batch: Batch) -> tuple[Tensor, ...]:
    """Return a batch as the network reads it."""
    return tuple(torch.from_numpy(getattr(batch, name)) for name in INPUTS)
