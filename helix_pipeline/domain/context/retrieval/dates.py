"""Dates and sessions that a question names, and how near to them each message was said."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

DECAY_DAYS = 10.0
"""Days after which nearness has fallen to 1/e: people tell what happened some days later."""

Days = NDArray[np.datetime64]
_Span = tuple[np.datetime64, np.datetime64]

_NAMES = "january february march april may june july august september october november december"
_NUMBERS = {name: month for month, name in enumerate(_NAMES.split(), 1)}
_MONTHS = _NUMBERS | {name[:3]: month for name, month in _NUMBERS.items()} | {"sept": 9}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"\d{1,2}(?!\d)(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"
_NAMED = re.compile(
    rf"(?:\b(?P<before>{_DAY})\s+(?:of\s+)?)?\b{_MONTH}(?:\s+(?P<after>{_DAY})\b)?(?:,?\s+(?P<year>{_YEAR})\b)?", re.I
)
_ISO = re.compile(rf"\b(?P<year>{_YEAR})-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?\b")
_LONE_YEAR = re.compile(rf"\b{_YEAR}\b")
_SESSION = re.compile(r"\bsession\s+#?(\w+)", re.I)
_WORDS_TOO = frozenset({"may", "march", "mar", "jan"})
"""Months that are also other words: alone they count only with a capital, after another word."""


def nearness(question: str, days: Days, sessions: Sequence[str | None]) -> NDArray[np.float64]:
    """Return how near each message is to a date or session that the question names, in [0, 1], 0 where it names none.

    `days` are the days of the messages, datetime64[D], `sessions` their labels. A date without a year is that of every
    year of the conversation.
    """
    near = np.zeros(len(days))
    for start, end in _spans(question, days):
        gap = np.maximum(start - days, days - end).astype(np.int64)
        near = np.maximum(near, np.exp(-np.maximum(gap, 0) / DECAY_DAYS))
    for label in _SESSION.findall(question):
        near = np.maximum(near, np.fromiter((label == one for one in sessions), float, len(days)))
    return near


def _spans(question: str, days: Days) -> Iterator[_Span]:
    """Yield first and last day of each date; years alone count only where nothing finer is named."""
    if not len(days):
        return
    years = range(days.min().astype(object).year, days.max().astype(object).year + 1)
    found = False
    for match in [*_ISO.finditer(question), *filter(_is_date, _NAMED.finditer(question))]:
        found = True
        month = _MONTHS.get(match["month"].lower()) or int(match["month"])
        for year in [int(match["year"])] if match["year"] else years:
            yield _span(year, month, _day(match))
    if not found:
        for match in _LONE_YEAR.finditer(question):
            yield np.datetime64(f"{match[0]}-01-01"), np.datetime64(f"{match[0]}-12-31")


def _is_date(match: re.Match[str]) -> bool:
    if match["before"] or match["after"] or match["year"] or match["month"].lower() not in _WORDS_TOO:
        return True
    return match["month"][0].isupper() and match.start() > 0


def _day(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    day = groups.get("day") or groups.get("before") or groups.get("after")
    return min(31, max(1, int(re.sub(r"\D", "", day)))) if day else None


def _span(year: int, month: int, day: int | None) -> _Span:
    first = np.datetime64(f"{year}-{month:02}", "M")
    if day is None:
        return first.astype("datetime64[D]"), (first + 1).astype("datetime64[D]") - 1
    return (first.astype("datetime64[D]") + day - 1,) * 2
