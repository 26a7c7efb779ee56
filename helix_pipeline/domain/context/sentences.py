"""Sentences of a message, as places in its text."""

import re

_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+\s*|\s*\n\s*")  # noqa: RUF001 - full stops of Chinese and Japanese


def sentences(text: str) -> list[tuple[int, int]]:
    """Return start and end of each sentence, in order, without the white space around it.

    A sentence ends with `.`, `!`, `?` or `…` before a space, with their East Asian forms, or at a line's end. What is
    no white space is in exactly one sentence.
    """
    found, start = [], 0
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        part = text[start:end]
        if bare := part.strip():
            first = start + part.index(bare[0])
            found.append((first, first + len(bare)))
        start = end
    return found
