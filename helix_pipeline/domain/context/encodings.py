"""How tokens are counted, by the name of an encoding: exactly for cl100k_base and o200k_base, or estimated.

Exact counts come from bpe-openai, which carries both vocabularies: nothing is fetched when it runs. Text that looks
like a special token (`<|endoftext|>`) is counted as the plain text that it is.

Adding counts. Counts of whole messages add up, as each message is encoded alone. Counts of sentences standing alone do
not add up to that of their message: a space at the end of a sentence belongs to the first token of the next one.
`of_sentences` therefore counts each sentence with the space before it and without the one after it. These counts add
up to the message's exactly where sentences meet at white space, and come within a token per sentence elsewhere
(Chinese and Japanese full stops, which take the next letters along). So a strategy selects by `of_sentences`, adds, and
at the end counts its result as it will be sent: what a gap or a speaker puts before a sentence may change its first
token, so that the sum may be off either way by a token per place where something was left out.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from helix_pipeline.domain.context import tokens
from helix_pipeline.domain.context.text import Text, count_tokens
from helix_pipeline.domain.context.tokens import prefix_that
from helix_pipeline.errors import ToolchainError, UsageError

ESTIMATE = "estimate"
ENCODINGS = (ESTIMATE, "cl100k_base", "o200k_base")


class TokenCounter(Protocol):
    """Counts tokens as `encoding` does."""

    @property
    def encoding(self) -> str:
        """The name, one of `ENCODINGS`."""

    def count(self, text: str) -> int:
        """Return the tokens of a text, 0 or more."""

    def counts(self, texts: pa.StringArray) -> NDArray[np.int64]:
        """Return the tokens of each text, int64[texts]; a null is an empty text."""

    def of_sentences(self, text: Text) -> NDArray[np.int64]:
        """Return the tokens of each sentence, int64[sentences], for adding up within a text."""

    def longest_prefix(self, text: str, limit: int) -> int:
        """Return the length, in characters, of the longest beginning of at most `limit` tokens (`prefix_that`)."""


@cache
def counter(encoding: str) -> TokenCounter:
    """Return the counter of an encoding by its name.

    Raises UsageError for a name that is not in `ENCODINGS`, ToolchainError where the package for it is not installed.
    """
    if encoding not in ENCODINGS:
        raise UsageError(f"encoding {encoding!r}: must be one of {', '.join(ENCODINGS)}")
    if encoding == ESTIMATE:
        return _Estimate()
    try:
        known = import_module("bpe_openai._bindings")  # its Python layer is slower and refuses long texts
    except ImportError:
        hint = f"`pip install 'helix-pipeline[tokens]'`, or take the encoding {ESTIMATE}"
        raise ToolchainError(f"encoding {encoding}: the package bpe-openai is not installed: {hint}") from None
    return _BytePairs(encoding, known.tokenizer_for_encoding(encoding))


@dataclass(frozen=True)
class _Estimate:
    """The estimate of `domain.context.tokens`: additive over words, whatever is between them."""

    encoding: str = ESTIMATE

    def count(self, text: str) -> int:
        return tokens.count(text)

    def counts(self, texts: pa.StringArray) -> NDArray[np.int64]:
        return count_tokens(texts.fill_null(""))

    def of_sentences(self, text: Text) -> NDArray[np.int64]:
        return text.tokens

    def longest_prefix(self, text: str, limit: int) -> int:
        return tokens.longest_prefix(text, limit)


@dataclass(frozen=True)
class _BytePairs:
    """A byte-pair encoding: `_pairs` has its vocabulary."""

    encoding: str
    _pairs: Any

    def count(self, text: str) -> int:
        try:
            return int(self._pairs.count(text))
        except UnicodeEncodeError:
            return int(self._pairs.count(_without_halves(text)))

    def counts(self, texts: pa.StringArray) -> NDArray[np.int64]:
        return np.fromiter(map(self._pairs.count, texts.fill_null("").to_pylist()), np.int64, len(texts))

    def of_sentences(self, text: Text) -> NDArray[np.int64]:
        return self.counts(_with_space_before(text.sentences, text.text_of))

    def longest_prefix(self, text: str, limit: int) -> int:
        whole = _without_halves(text)
        return prefix_that(lambda start: self._pairs.count_till_limit(start, max(0, limit)) is not None, whole)


def _without_halves(text: str) -> str:
    """Return a text with the replacement character for each half of a surrogate pair that stands alone."""
    return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)


def _with_space_before(sentences: pa.StringArray, text_of: NDArray[np.int64]) -> pa.StringArray:
    """Return the sentences with the last space of each, inside of a text, moved to the front of the next one."""
    whole = pa.concat_arrays([sentences])
    _, offsets, letters = whole.buffers()
    places = np.frombuffer(offsets, np.int32)[whole.offset : whole.offset + len(whole) + 1].copy()
    inner = places[1:-1]
    inside = text_of[1:] == text_of[:-1]
    if letters is not None:
        inner -= inside & (np.frombuffer(letters, np.uint8)[np.maximum(inner, 1) - 1] == ord(" "))
    return pa.StringArray.from_buffers(len(whole), pa.py_buffer(places), letters)
