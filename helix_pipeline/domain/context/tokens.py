"""How many tokens a language model sees in a text, estimated without its vocabulary, and where to cut a text.

Byte-pair encodings for chat models first cut a text into words, runs of digits and runs of punctuation, a space going
with the word or the punctuation that follows it, and then merge the bytes of each piece; common pieces become one
token. The estimate gives each piece a number by its length and script alone. Of English it is within a few per cent of
cl100k_base and o200k_base, of other languages it may be far off (docs/CONTEXT.md has the figures, `make bench-context`
measures them); `domain.context.encodings` counts exactly.
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from unicodedata import category

PIECE = re.compile(r"'?[^\W\d_]+|\d+|[^\w\s]+|_+|\n+")
_WORD = re.compile(r"\S+")
COMMON_LENGTH = 10
"""Letters up to which an English word is one token; a longer one has a token more for every five letters."""

UNSPACED_LENGTH = 24
"""Characters from which a run in another script is taken for text without spaces, which may be cut after any letter."""

PIECES_KEPT = 1 << 17
"""Costs of pieces that are remembered."""


def count(text: str) -> int:
    """Return the estimated number of tokens of a text: 0 or more, and additive over texts joined by a space."""
    return sum(map(piece_cost, PIECE.findall(text)))


def longest_prefix(text: str, limit: int) -> int:
    """Return where to cut a text, in characters, so that at most `limit` estimated tokens stay: see `prefix_that`."""
    return prefix_that(lambda start: count(start) <= limit, text)


def prefix_that(fits: Callable[[str], bool], text: str) -> int:
    """Return the length, in characters, of the longest beginning of a text that fits and ends with a word.

    Long runs without spaces in other scripts are cut after a letter. The result is 0 where not even the first word
    fits. `fits` is asked about beginnings of at most about twice the length of the result and a word.
    """
    ends = [word.end() for word in _WORD.finditer(text)]
    beyond = 1
    while beyond <= len(ends) and fits(text[: ends[beyond - 1]]):
        beyond *= 2
    place = bisect_left(ends, True, beyond // 2, min(beyond, len(ends)), key=lambda end: not fits(text[:end]))
    end = ends[place - 1] if place else 0
    return end if place == len(ends) else _within(fits, text, end, ends[place])


def _within(fits: Callable[[str], bool], text: str, start: int, end: int) -> int:
    """Return where to cut the word before `end`, the first that does not fit: before no mark of a letter, or not."""
    word = text[start:end].lstrip()
    if len(word) < UNSPACED_LENGTH or word.isascii():
        return start
    first = end - len(word)
    cut = bisect_left(range(end), True, first + 1, end, key=lambda length: not fits(text[:length])) - 1
    while cut > first and (category(text[cut]).startswith("M") or not fits(text[:cut])):
        cut -= 1
    return cut if cut > first else start


@lru_cache(PIECES_KEPT)
def piece_cost(piece: str) -> int:
    """Return the estimated tokens of one piece, as `PIECE` finds it.

    A run of digits pays for the space before it, which no digit takes along. Other scripts pay by their bytes, and
    Cyrillic, of which encodings know whole words, by two letters and a half.
    """
    length = len(piece)
    if not piece.isascii():
        return -(-2 * length // 5) if "Ѐ" <= piece[0] <= "ӿ" else -(-len(piece.encode(errors="surrogatepass")) // 3)
    if piece.isdigit():
        return 1 - (-length // 3)
    if piece[-1].isalpha():
        return 1 if length <= COMMON_LENGTH else 1 - (COMMON_LENGTH - length) // 5
    return -(-length // 4)
