"""Cuts words into the pieces and letters that the encoder reads, and hashes their forms.

Pieces are those of BERT's uncased vocabulary (WordPiece, Wu et al. 2016), which loses case and accents; letters and
forms keep them, so that the encoder sees how a word is spelt, and knows a word again that it was trained with.
"""

import re
import unicodedata
from collections.abc import Sequence
from zlib import crc32

OPEN, CLOSE, UNKNOWN, CONTINUES = "[CLS]", "[SEP]", "[UNK]", "##"

LONGEST = 12
"""Pieces of a word that are read: of a longer one, the first eight and the last four."""

LETTERS = 24
"""Letters of a word that are read, with a mark at either end: of a longer one, the first and the last."""

ALPHABET = 102
"""How many different letters there are: nothing, the printable ASCII characters, four classes of others, two ends."""

BUCKETS, FORMS = 1 << 15, 10
"""Numbers that the forms of words are hashed to, and how many forms a word has."""

_AFFIXES = (2, 3, 4)
_CUT_AT, _TAIL = 64, 8
_UPPER, _LOWER, _MARK, _OTHER, _BEGINS, _ENDS = range(96, ALPHABET)


class Pieces:
    """A vocabulary of word pieces: `numbers` gives the number of each."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self.open, self.close = self.numbers[OPEN], self.numbers[CLOSE]
        self._unknown = self.numbers[UNKNOWN]

    def cut(self, word: str) -> list[int]:
        """Return the numbers of a word's pieces, one to `LONGEST`, in order."""
        found = [number for part in _parts(_bare(word)) for number in self._cut_part(part)] or [self._unknown]
        return found if len(found) <= LONGEST else [*found[: LONGEST - 4], *found[-4:]]

    def _cut_part(self, part: str) -> list[int]:
        found, start = [], 0
        while start < len(part):
            before = CONTINUES if start else ""
            end = next((end for end in range(len(part), start, -1) if before + part[start:end] in self.numbers), 0)
            if not end:
                return [self._unknown]
            found.append(self.numbers[before + part[start:end]])
            start = end
        return found


def letters(word: str) -> list[int]:
    """Return `LETTERS` numbers below `ALPHABET` for how a word is spelt, 0 after its end."""
    kept = word if len(word) <= LETTERS - 2 else word[: LETTERS - 2 - _TAIL] + word[-_TAIL:]
    found = [_BEGINS, *map(_letter, kept), _ENDS]
    return found + [0] * (LETTERS - len(found))


def forms(word: str) -> list[int]:
    """Return `FORMS` numbers below `BUCKETS`, hashed: the word, as it is and in lower case, its ends, and its shape."""
    kept = word[:_CUT_AT]
    shape = _shape(kept)
    found = [kept, kept.lower(), shape[:8], re.sub(r"(.)\1+", r"\1", shape)]
    found += [kept[:size] for size in _AFFIXES] + [kept[-size:] for size in _AFFIXES]
    return [crc32(f"{kind}{form}".encode(errors="surrogatepass")) % BUCKETS for kind, form in enumerate(found)]


def _shape(word: str) -> str:
    """Return a word with a sign for each kind of character; what is neither letter nor digit stays."""
    return "".join("0" if one.isdigit() else "X" if one.isupper() else "x" if one.isalpha() else one for one in word)


def _letter(character: str) -> int:
    if " " < character <= "~":
        return ord(character) - ord(" ")
    if character.isupper():
        return _UPPER
    if character.isalpha():
        return _LOWER
    return _MARK if unicodedata.category(character)[0] == "P" else _OTHER


def _bare(word: str) -> str:
    """Return a word in lower case and without accents, cut where it is too long to be one."""
    lowered = word[:_CUT_AT].lower()
    if lowered.isascii():
        return lowered
    return "".join(one for one in unicodedata.normalize("NFD", lowered) if unicodedata.category(one) != "Mn")


def _parts(word: str) -> list[str]:
    """Return the runs of letters and digits of a word, and its other characters one by one."""
    if word.isalnum():
        return [word]
    parts = [""]
    for character in word:
        if _stands_alone(character):
            parts += [character, ""]
        else:
            parts[-1] += character
    return [part for part in parts if part]


def _stands_alone(character: str) -> bool:
    if character.isascii():
        return not character.isalnum()
    return unicodedata.category(character)[0] == "P"
