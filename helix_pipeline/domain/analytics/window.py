"""The time that a question is about: windows that end now, in UTC, and the buckets of a time series."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from helix_pipeline.errors import UsageError

Bucket = Literal["minute", "hour", "day"]
WholeHours = Literal["hour", "day"]
"""The buckets of what is kept by hour."""

MOST_BUCKETS = 1_500
"""Points of one series: a day of minutes fits, and two months of hours."""

LONGEST = timedelta(days=366)
LONG = timedelta(days=7)

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_SIZES: dict[Bucket, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_TEXT = re.compile(r"([1-9]\d{0,5})([mhdw])")


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `since` to before `until` in UTC, whole minutes; `text` is how it was asked for.

    A window that is `long` begins with a whole hour, and so up to an hour earlier than its text says.
    """

    text: str
    since: datetime
    until: datetime

    @property
    def long(self) -> bool:
        """Whether it is longer than a week."""
        return self.until - self.since > LONG

    def whole_from(self, by_day: bool) -> datetime:
        """Return the first whole day, or else hour, within the window; its end where there is none."""
        begin = self.since.replace(minute=0, hour=0 if by_day else self.since.hour)
        step = _SIZES["day" if by_day else "hour"]
        return min(self.until, begin if begin == self.since else begin + step)


def window(text: str, now: datetime) -> Window:
    """Return the window of a text such as `30m`, `24h`, `7d` or `4w` that ends with the minute of `now`.

    Raises UsageError for another text, or a window of more than `LONGEST`.
    """
    found = _TEXT.fullmatch(text)
    if not found:
        raise UsageError(f"window {text[:40]!r} is not a number with m, h, d or w, such as 24h")
    length = int(found[1]) * _UNITS[found[2]]
    if length > LONGEST:
        raise UsageError(f"window {text!r} is longer than {LONGEST.days} days")
    until = now.astimezone(UTC).replace(second=0, microsecond=0) + _SIZES["minute"]
    since = until - length
    return Window(text, since.replace(minute=0) if length > LONG else since, until)


def days(count: int, now: datetime) -> Window:
    """Return the window of the last `count` days in UTC, whole ones, of which today is the last."""
    begin = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(f"{count}d", begin - timedelta(days=count - 1), begin + timedelta(days=1))


def check_buckets(within: Window, bucket: Bucket) -> None:
    """Raise UsageError where the series would have more than `MOST_BUCKETS` points."""
    count = (within.until - within.since) / _SIZES[bucket]
    if count > MOST_BUCKETS:
        raise UsageError(f"{within.text} has {count:,.0f} buckets of a {bucket}: ask for a larger bucket")
