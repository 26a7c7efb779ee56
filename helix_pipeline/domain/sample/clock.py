"""When things happen in the corpus: working hours over about two months, and little at weekends."""

from datetime import datetime, timedelta
from random import Random

DAYS = 60
_WEEKEND_SHARE = 0.15


def working_moment(rng: Random, start: datetime, days: float = DAYS) -> datetime:
    """Return a moment within `days` of `start`, mostly on weekdays around 10:30 and 15:00."""
    day = start + timedelta(days=rng.randrange(max(1, int(days))))
    if day.weekday() >= 5 and rng.random() > _WEEKEND_SHARE:
        day += timedelta(days=7 - day.weekday() + rng.randrange(5))
    hour = min(21.5, max(6.5, rng.gauss(rng.choice((10.5, 15.0)), 1.6)))
    return _milliseconds(day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hour))


def next_working_day(rng: Random, moment: datetime) -> datetime:
    """Return a moment on the next day that is not at a weekend."""
    days = 3 if moment.weekday() == 4 else 2 if moment.weekday() == 5 else 1
    return working_moment(rng, moment + timedelta(days=days), days=1)


def after(rng: Random, moment: datetime, median_s: float) -> datetime:
    """Return a later moment: the delay is log-normal with the given median in seconds, at least 0.2 s."""
    return _milliseconds(moment + timedelta(seconds=max(0.2, median_s * rng.lognormvariate(0, 0.7))))


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
