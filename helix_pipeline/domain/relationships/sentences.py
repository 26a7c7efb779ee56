"""Sentences as tokens, where each mention of an entity is one token: what the rules about cues read."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple


class Token(NamedTuple):
    """A word in lower case, a punctuation mark, or a mention (`mention` is its number, else -1)."""

    word: str
    start: int
    end: int
    mention: int = -1


class Sentence(NamedTuple):
    """The tokens of a sentence without quotation and emphasis marks; `asks` where it ends in a question mark."""

    tokens: list[Token]
    asks: bool


Spans = Sequence[tuple[int, int]]

_END = re.compile(r"[.!?…]+[\"')*_”]*(?=\s|$)|\n(?=\s*\n|\s*[^\sa-z]|$)")
_ENDS = (". ", "! ", "? ", "\n", '." ', ".) ", "… ")
_SHORT = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|resp|incl)|\b[a-z])$", re.IGNORECASE)
_FENCED = re.compile(r"```.*?(?:```|\Z)|^[ \t]*>[^\n]*$", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(r"let's|e\.g\.|i\.e\.|vs\.|\w+?(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|\w+(?:[-+#]\w+)*|[^\w\s]")
_DROPPED = frozenset("\"'`*_“”„«»~")


def sentences(text: str, lowered: str, spans: Spans, has_cue: Callable[[str], bool]) -> Iterator[Sentence]:
    """Yield the sentences of a text that hold a mention and a cue; code blocks and quoted lines are left out.

    `lowered` is the text as `lower` gives it; `spans` are the mentions in order, without overlaps.
    """
    fenced = [match.span() for match in _FENCED.finditer(text)] if "```" in text or ">" in text else []
    end = first = 0
    while first < len(spans):
        start = _begin(text, spans[first][0], end, spans)
        last, end = _end(text, spans, first)
        if not _overlaps(fenced, start, end) and has_cue(lowered[start:end]):
            tokens = list(_tokens(lowered, start, end, range(first, last + 1), spans))
            yield Sentence(tokens, "?" in text[max(start, end - 4) : end])
        first = last + 1


def lower(text: str) -> str:
    """Return the text in lower case with plain apostrophes, of the same length."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(small if len(small := character.lower()) == 1 else character for character in text)
    return lowered.replace("\u2019", "'")


def _begin(text: str, at: int, least: int, spans: Spans) -> int:
    """Return where the sentence around a place begins, which is not before `least`."""
    begin = at
    while begin > least:
        begin = max(
            (found + len(mark) for mark in _ENDS if (found := text.rfind(mark, least, begin)) >= 0), default=least
        )
        match = _END.search(text, max(least, begin - 4), begin + 1)
        if match is None or _is_end(text, match, spans):
            break
        begin = match.start()
    return begin


def _end(text: str, spans: Spans, first: int) -> tuple[int, int]:
    """Return the last mention of the sentence of a mention, and where the sentence ends."""
    last = first
    for match in _END.finditer(text, spans[first][1]):
        while last + 1 < len(spans) and spans[last + 1][0] <= match.start():
            last += 1
        if match.start() >= spans[last][1] and _is_end(text, match, spans):
            return last, match.end()
    return len(spans) - 1, len(text)


def _is_end(text: str, match: re.Match[str], spans: Spans) -> bool:
    """Tell whether a mark ends a sentence, and not an abbreviation or something within a mention."""
    at = bisect_right(spans, (match.start(), -1)) - 1
    if at >= 0 and spans[at][1] >= match.start():
        return spans[at][1] == match.start()
    return match[0] != "." or _SHORT.search(text, max(0, match.start() - 7), match.start()) is None


def _overlaps(parts: Spans, start: int, end: int) -> bool:
    return any(left < end and start < right for left, right in parts)


def _tokens(lowered: str, start: int, end: int, within: range, spans: Spans) -> Iterator[Token]:
    at = start
    for number in within:
        left, right = spans[number]
        yield from _words(lowered, at, left)
        yield Token(lowered[left:right], left, right, number)
        at = right
    yield from _words(lowered, at, end)


def _words(lowered: str, start: int, end: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(lowered, start, end):
        if match[0] not in _DROPPED:
            yield Token(match[0], match.start(), match.end())
