"""How many tokens a language model sees in a text, estimated without its vocabulary.

Byte-pair encodings for chat models first cut a text into words, runs of digits and runs of punctuation, a space going
with what follows it, and then merge the bytes of each piece; common pieces become one token. The estimate gives each
piece a number by its length alone. docs/JOBS.md says how far off it is.
"""

import re
from bisect import bisect_right
from unicodedata import category

PIECE = re.compile(r"'?[^\W\d_]+|\d+|[^\w\s]+|_+|\n+")
_WORD = re.compile(r"\S+")
COMMON_LENGTH = 8
"""Letters up to which an English word is one token; a longer one has a token for every five letters after the third."""

UNSPACED_LENGTH = 24
"""Characters from which a run in another script is taken for text without spaces, which may be cut after any letter."""


def count(text: str) -> int:
    """Return the estimated number of tokens of a text: 0 or more, and additive over texts joined by a space."""
    return sum(map(piece_cost, PIECE.findall(text)))


def longest_prefix(text: str, limit: int) -> int:
    """Return where to cut a text, in characters, so that at most `limit` tokens stay: after a word.

    Long runs without spaces in other scripts are cut after a letter. The result is 0 where not even the first word
    fits.
    """
    end = 0
    for word in _WORD.finditer(text):
        cost = count(text[end : word.end()])
        if cost > limit:
            return end + _within(text[end : word.end()], limit)
        limit -= cost
        end = word.end()
    return end


def _within(word: str, limit: int) -> int:
    """Return where to cut a word of more than `limit` tokens: before no mark that belongs to a letter, 0 for not."""
    if len(word) < UNSPACED_LENGTH or word.isascii():
        return 0
    end = bisect_right(range(len(word)), limit, key=lambda length: count(word[:length])) - 1
    while end > 0 and category(word[end]).startswith("M"):
        end -= 1
    return max(end, 0)


def piece_cost(piece: str) -> int:
    """Return the estimated tokens of one piece, as `PIECE` finds it."""
    length = len(piece)
    if not piece.isascii():
        return -(-len(piece.encode(errors="surrogatepass")) // 3)
    if piece.isdigit():
        return -(-length // 3)
    if piece[-1].isalpha():
        return 1 if length <= COMMON_LENGTH else -(-(length - 3) // 5)
    return -(-length // 2)
