"""Whether a text that a model wrote is supported by its source: its numbers, dates and names, and what it leaves out.

The checks are strict and formal: a summary that says nothing new may still fail, and one that puts known names and
numbers together wrongly may pass.
"""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from helix_pipeline.domain.context.cues import STOP_WORDS
from helix_pipeline.domain.context.facts import DATE, ENTITY, NUMBER, facts
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.domain.context.words import Words

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MONTHS = "january february march april may june july august september october november december"
_MONTH = rf"(?P<month>{'|'.join(f'{month[:3]}(?:{month[3:]})?' for month in _MONTHS.split())})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(?P<year>\d{4}))?"
_DATES = (
    re.compile(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}{_YEAR}", re.IGNORECASE),
    re.compile(rf"\b{_MONTH}\s+{_DAY}\b{_YEAR}", re.IGNORECASE),
)
_OPENING = (
    "additionally after afterwards although both currently during earlier eventually finally however initially later "
    "meanwhile next other others overall previously recently several since then two while"
)
_OPENERS = STOP_WORDS | frozenset(_OPENING.split())
"""Words that may open a sentence of a summary, with the capital of that place, and are no names."""

_Date = tuple[int, str, str | None]


def unsupported(summary: str, source: str) -> list[str]:
    """Return the numbers, dates and capitalised words of a summary that its source does not have, in order, once each.

    A number is the same with or without commas between thousands. A date is a day with a month, and a year if one is
    given; its order does not matter. A capitalised word must be in the source in any case, unless it is one of a few
    that open sentences.
    """
    found = [*_foreign_numbers(summary, source), *_foreign_dates(summary, source), *_foreign_names(summary, source)]
    return list(dict.fromkeys(found))


def share_of_facts(summary: str, source: str) -> float:
    """Return the share in [0, 1] of the source's names, numbers and dates that the summary has; 1 where it has none.

    Each counts as often as the source states it (`domain.context.facts`).
    """
    text = analyse(pa.array([source, summary], pa.string()))
    found = facts(text, Words(text))
    kept = np.isin(found.kind, [ENTITY, NUMBER, DATE])
    terms, of = found.term[kept], text.text_of[found.sentence[kept]]
    stated = terms[of == 0]
    return float(np.isin(stated, terms[of == 1]).mean()) if len(stated) else 1.0


def _foreign_numbers(summary: str, source: str) -> Iterator[str]:
    known = set(_numbers(source))
    return (number for number in _numbers(summary) if number not in known)


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(_THOUSANDS.sub("", text))


def _foreign_dates(summary: str, source: str) -> Iterator[str]:
    known = set(_dates(source))
    days = {(day, month) for day, month, _ in known}
    for day, month, year in _dates(summary):
        without_year = (day, month) in days if year is None else (day, month, None) in known
        if not without_year and (day, month, year) not in known:
            yield " ".join(filter(None, (str(day), month.capitalize(), year)))


def _dates(text: str) -> Iterator[_Date]:
    for form in _DATES:
        for match in form.finditer(text):
            yield int(match["day"]), match["month"][:3].lower(), match["year"]


def _foreign_names(summary: str, source: str) -> Iterator[str]:
    text = analyse(pa.array([source, summary], pa.string()))
    words = Words(text)
    of_summary = text.text_of[text.piece_sentence] == 1
    known = {words.lower[piece] for piece in np.unique(text.piece[~of_summary]).tolist()}
    opens = words.opens
    for place in np.flatnonzero(of_summary).tolist():
        word = text.vocabulary[text.piece[place]]
        if word != word.lower() and word.lower() not in known and not (opens[place] and word.lower() in _OPENERS):
            yield word
