"""Whether one name is another misspelt: what the edit between them is, and how often such an edit is a slip.

Slips swap neighbours, double or undouble a letter, or take one vowel for another, within a word; another first letter
or a new ending mostly makes another word (Damerau 1964; Pollock and Zamora 1984 on where in a word errors fall). The
less typical the edit, the longer the word has to be; a word may be shorter where the other name is an established one.
"""

import re
from enum import Enum, IntEnum
from typing import NamedTuple

from rapidfuzz.distance import OSA

from helix_pipeline.domain.entities.resolution.named import Named
from helix_pipeline.domain.entities.types import PERSON

TIMES_MORE, OFTEN = 20, 20
"""A name with so many times the mentions of another is established beside it; one named this often is not a slip."""


class Standing(IntEnum):
    """What speaks for the name that another may be a slip of."""

    NONE = 0
    FREQUENT = 1
    KNOWN = 2


class Edit(Enum):
    """What is different between two words, and how many letters the longer has at least for it to be a slip.

    There is a number for each `Standing` of the other name; after them stands the confidence.
    """

    SWAPPED = (8, 5, 5, 0.95)
    DOUBLED = (8, 5, 5, 0.95)
    VOWEL_CHANGED = (9, 6, 6, 0.9)
    WITHIN = (9, 6, 6, 0.85)
    CHANGED = (12, 8, 8, 0.8)
    AT_END = (14, 14, 7, 0.8)

    def confidence(self, letters: int, standing: Standing) -> float:
        """Return how likely it is a slip in a word of so many letters, in [0, 1]."""
        return self.value[3] if letters >= self.value[standing] else 0.0


class _Difference(NamedTuple):
    left: str
    right: str


_VOWELS = frozenset("aeiouy")
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ph", "f"),
        (r"ck|q|c(?![eiy])", "k"),
        (r"[cz]", "s"),
        (r"x", "ks"),
        (r"w", "v"),
        (r"(?<=.)[aeiouyh]", ""),
        (r"(.)\1+", r"\1"),
    )
)
_ENDINGS = frozenset("dnrsy")
_SOME_LENGTH = 5
_ALIKE_SHORTEST, _ALIKE_EDITS, _ALIKE_CONFIDENCE = 8, 2, 0.85
_SAME_ENDS, _ENDS_SHORTEST = 4, 10


def misspelt(first: Named, second: Named) -> float:
    """Return how likely it is that one of the two is the other misspelt, in [0, 1]; 0 where nothing says so."""
    if first.numbers != second.numbers or (first.is_known and second.is_known) or first.family != second.family:
        return 0.0
    rarer, other = sorted((first, second), key=lambda named: named.precedence, reverse=True)
    if rarer.mentions >= OFTEN and rarer.mentions * TIMES_MORE > other.mentions:
        return 0.0
    return max(
        (_slip(a, b, _standing(other, rarer), first.type) for a in rarer.forms for b in other.forms), default=0.0
    )


def likenesses(form: str) -> set[str]:
    """Return what a form has in common with its slips of more than one edit: its sound, and of a long one its ends.

    The sound is what is left when vowels, doubled letters and letters for one sound are no difference.
    """
    text = sounded = form.replace("-", "")
    for pattern, to in _SOUNDS:
        sounded = pattern.sub(to, sounded)
    ends = {f"{text[:_SAME_ENDS]}*{text[-_SAME_ENDS:]}"} if len(text) >= _ENDS_SHORTEST else set()
    return {text[:1] + sounded[1:], *ends}


def edit(left: str, right: str) -> Edit | None:
    """Return the one edit between two words with the same first letter, or None where it is another or more."""
    if left == right or left[:1] != right[:1]:
        return None
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    start = next((i for i, (a, b) in enumerate(zip(longer, shorter, strict=False)) if a != b), len(shorter))
    if len(longer) == len(shorter):
        return _changed(longer, shorter, start)
    if len(longer) != len(shorter) + 1 or longer[start + 1 :] != shorter[start:]:
        return None
    if longer[start] == longer[start - 1]:
        return Edit.DOUBLED
    return Edit.AT_END if start == len(shorter) else Edit.WITHIN


def _changed(left: str, right: str, at: int) -> Edit | None:
    if left[at + 2 :] == right[at + 2 :] and left[at : at + 2] == right[at : at + 2][::-1]:
        return Edit.SWAPPED
    if left[at + 1 :] != right[at + 1 :]:
        return None
    if left[at] in _VOWELS and right[at] in _VOWELS:
        return Edit.VOWEL_CHANGED
    return Edit.AT_END if at == len(left) - 1 else Edit.CHANGED


def _standing(name: Named, beside: Named) -> Standing:
    if name.is_known:
        return Standing.KNOWN
    return Standing.FREQUENT if name.mentions >= TIMES_MORE * beside.mentions else Standing.NONE


def _slip(left: str, right: str, standing: Standing, type: str) -> float:
    """Return how likely it is that one form is a slip in writing the other."""
    if type == PERSON and "-" not in left and standing is not Standing.KNOWN:
        return 0.0
    different = _different(left, right)
    found = edit(*different) if different else None
    if found is Edit.AT_END and len(left) > len(right) and left[-1] in _ENDINGS:
        return 0.0
    if different and found:
        return found.confidence(_letters(different, left, standing), standing)
    return _ALIKE_CONFIDENCE if standing is Standing.KNOWN and _alike(left, right) else 0.0


def _letters(different: _Difference, name: str, standing: Standing) -> int:
    """Return how many letters speak for a slip: those of the word, or all of a known name."""
    letters = max(map(len, different))
    return max(letters, len(name)) if standing is Standing.KNOWN and letters >= _SOME_LENGTH else letters


def _different(left: str, right: str) -> _Difference | None:
    """Return the one word that two names differ in, or both as one word where they do not have as many words."""
    lefts, rights = left.split("-"), right.split("-")
    if len(lefts) != len(rights):
        return _Difference(left.replace("-", ""), right.replace("-", ""))
    different = [pair for pair in zip(lefts, rights, strict=True) if pair[0] != pair[1]]
    return _Difference(*different[0]) if len(different) == 1 else None


def _alike(left: str, right: str) -> bool:
    """Say whether two long names are so near that both edits between them may be slips."""
    left, right = left.replace("-", ""), right.replace("-", "")
    if min(len(left), len(right)) < _ALIKE_SHORTEST or not likenesses(left) & likenesses(right):
        return False
    return OSA.distance(left, right, score_cutoff=_ALIKE_EDITS) <= _ALIKE_EDITS
