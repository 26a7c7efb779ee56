"""Dates, times, numbers and quantities, found by their form: where they are, not what they mean.

A date is a calendar date, a month or weekday with what belongs to it, or a word for a time (`last Tuesday`, `two weeks
ago`); a time is one of the clock; a quantity is a number with a currency or a unit. Words that are also others (`may`,
`march`, `sun`) count only beside a day or a year.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from helix_pipeline.domain.context.cues import CUES
from helix_pipeline.domain.entities.recogniser import Span
from helix_pipeline.domain.entities.types import DATE, NUMBER

CONFIDENCE = {"date": 0.95, "time": 0.95, "relative": 0.9, "year": 0.8, "unit": 0.95, "number": 0.8}
"""Confidence of a span by its form; the last two are of type NUMBER, the others of type DATE."""

SURE = 0.9
"""Confidence of what is written as a date or a quantity; bare years and numbers may be part of a name."""

_SUBTYPES = {"date": "date", "time": "time", "relative": "date", "year": "date", "unit": "unit", "number": ""}


def _any(words: Iterable[str]) -> str:
    return "(?:" + "|".join(sorted(words, key=lambda word: (-len(word), word))) + ")"


_SPACE = r"(?:[^\S\n]{1,3})"
_MONTH = rf"{_any(CUES['month'])}\b\.?"
_FULL_MONTH = _any(word for word in CUES["month"] - {"march", "sept"} if len(word) > 3)
_WEEKDAY = _any(word for word in CUES["weekday"] if word.endswith("day"))
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?![\w%]|[:.,]\d)"
_YEAR = r"(?:1[89]|20)\d\d(?![\w%]|[:.]\d)"
_CLOCK = rf"(?:[01]?\d|2[0-4])(?::[0-5]\d){{1,2}}(?:\.\d+)?(?:{_SPACE}?[ap]\.?m\b\.?)?"
_COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "twenty", "thirty")
_COUNT = _any(_COUNTS)
_SOME = rf"(?:an?|one|{_COUNT}|(?:a|the last) few|several|a couple(?: of)?|\d+)"
_PERIOD = r"(?:second|minute|hour|day|week|weekend|fortnight|month|quarter|year|decade)s?"
_PART = r"(?:morning|afternoon|evening|night)"
_PLAIN = r"\d+(?:,\d{3})*(?:\.\d+)?|\d+"
_CURRENCY = "[$€£¥₹]"
_SIZED = rf"(?:{_SPACE}?(?:thousand|million|billion|trillion|bn|[kmb](?!\w)))"
_UNIT_WORDS = (
    r"(?:(?:kilo|mega|giga|tera|peta)?(?:byte|bit)|(?:(?:nano|micro|milli)?second)|minute|hour|day|week|month|year|"
    r"(?:kilo|centi|milli)?met(?:er|re)|(?:kilo|milli)?gram|mile|yard|inch|litre|liter|gallon|pound|ounce|dollar|euro|cent|"
    r"degree|pixel|core|thread|percent|hertz|watt|volt)(?:e?s)?|feet|foot"
)
_UNITS = (
    "[KMGTP]i?B|[kKMGT]bps|[kMGT]?bit/s|[kMGT]B/s|ns|us|[µμ]s|ms|s|secs?|mins?|h|hrs?|nm|mm|cm|m|km|mi|ft|mg|g|kg|lbs?|oz|"
    "ml|[kMG]?Hz|px|pt|em|rem|vh|vw|dpi|fps|rpm|qps|rps|°[CF]?|[km]?W|kWh|mAh|m?V|USD|EUR|GBP|x"
)

_FORMS = {
    "date": "|".join(
        [
            rf"(?:19|20)\d\d-(?:0?[1-9]|1[0-2])-(?:3[01]|[12]\d|0?[1-9])(?:[T ]{_CLOCK}(?:Z\b|[+-]\d\d:?\d\d)?)?(?!\w)",
            r"(?:19|20)\d\d/\d\d?/\d\d?(?![\w/])|\d\d?/\d\d?/(?:(?:19|20)\d\d|\d\d)(?![\w/])|\d\d?\.\d\d?\.(?:19|20)\d\d(?!\w)",
            rf"(?:{_WEEKDAY},?{_SPACE})?(?:the{_SPACE})?{_DAY}{_SPACE}(?:of{_SPACE})?{_MONTH}(?:,?{_SPACE}{_YEAR})?",
            rf"(?:{_WEEKDAY},?{_SPACE})?{_MONTH}{_SPACE}(?:the{_SPACE})?{_DAY}(?:,?{_SPACE}{_YEAR})?",
            rf"{_MONTH},?{_SPACE}{_YEAR}",
        ]
    ),
    "relative": "|".join(
        [
            rf"(?:yesterday|today|tomorrow|tonight)(?:{_SPACE}{_PART})?(?!\w)",
            rf"(?:the{_SPACE})?day (?:before yesterday|after tomorrow)(?!\w)",
            rf"(?:last|next|this|past|coming){_SPACE}(?:{_WEEKDAY}|{_MONTH}|{_PERIOD}|{_PART}|spring|summer|autumn|fall|winter)(?!\w)",
            rf"{_SOME}{_SPACE}{_PERIOD}{_SPACE}(?:ago|earlier|later|from now)(?!\w)",
            rf"{_WEEKDAY}s?(?:{_SPACE}{_PART})?(?!\w)|(?-i:{_FULL_MONTH.title()})(?!\w)|(?:19|20)\d0s(?!\w)",
        ]
    ),
    "time": rf"{_CLOCK}(?![\w:])|(?:1[0-2]|[1-9])(?:{_SPACE})?[ap]\.?m(?:\.|(?!\w))|(?:noon|midnight)(?!\w)",
    "unit": "|".join(
        [
            rf"[-+]?{_CURRENCY}{_SPACE}?(?:{_PLAIN}){_SIZED}?(?![\w]|[.,]\d)",
            rf"[-+]?(?:{_PLAIN}){_SPACE}?(?:%|{_CURRENCY})(?!\w)",
            rf"[-+]?(?:{_PLAIN}){_SIZED}?(?:{_SPACE}|-)?(?:{_UNIT_WORDS}|(?-i:{_UNITS}))(?!\w)",
            rf"{_COUNT}{_SPACE}(?:{_UNIT_WORDS})(?!\w)",
        ]
    ),
    "year": rf"{_YEAR}(?![,-]\d)",
    "number": rf"[-+]?(?:{_PLAIN}){_SIZED}?(?![\w]|[.,:/-]\w)",
}
_OTHERS = (
    *("yesterday", "today", "tomorrow", "tonight", "the", "day", "last", "next", "this", "past", "coming"),
    *("a", "an", "one", "few", "several", "noon", "midnight"),
)
_BEGINS = _any({word[:3] for word in (*CUES["month"], *CUES["weekday"], *_COUNTS, *_OTHERS)})
"""How each form may begin, where it begins with a letter: to look for it first makes the search three times as fast."""

_RULE = re.compile(
    rf"(?<![\w.,:/#@$€£\\-])(?=[\d$€£¥₹+-]|{_BEGINS})(?:"
    + "|".join(f"(?P<{name}>{form})" for name, form in _FORMS.items())
    + ")",
    re.I,
)


def recognise(texts: Sequence[str]) -> Iterator[Span]:
    """Yield the dates and numbers of the texts, by text and place, without overlaps."""
    for row, text in enumerate(texts):
        for match in _RULE.finditer(text):
            form = match.lastgroup or ""
            kind = NUMBER if form in ("unit", "number") else DATE
            yield Span(row, *match.span(), match[0], kind, _SUBTYPES[form], CONFIDENCE[form])
