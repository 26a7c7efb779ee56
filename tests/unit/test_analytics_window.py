"""Windows that end now, in UTC, bounded."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.analytics.window import LONGEST, check_buckets, days, window
from helix_pipeline.errors import UsageError

NOW = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"), [("1m", timedelta(minutes=1)), ("24h", timedelta(days=1)), ("2w", timedelta(14))]
)
def test_a_window_ends_with_the_minute_of_now(text: str, length: timedelta):
    found = window(text, NOW)
    assert found.until == datetime(2026, 3, 29, 2, 0, tzinfo=UTC)
    assert found.long == (length > timedelta(7))
    assert found.until - found.since == length


@pytest.mark.parametrize(
    "text", ["", "0h", "24", "h", "-1h", "1.5h", "24H", "1y", "99999999h", "367d", "24h ", "\uff11h"]
)
def test_another_text_is_refused(text: str):
    with pytest.raises(UsageError, match="window"):
        window(text, NOW)


def test_a_time_of_another_zone_is_the_same_instant():
    berlin = NOW.astimezone(timezone(timedelta(hours=2)))
    assert window("1h", berlin) == window("1h", NOW)
    assert days(1, berlin).since == datetime(2026, 3, 29, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2003, 1, 1)), st.integers(1, 8784), st.booleans())
def test_what_is_whole_begins_within_the_window(now: datetime, hours: int, by_day: bool):
    found = window(f"{hours}h", now)
    begin = found.whole_from(by_day)
    assert found.since <= begin <= found.until
    assert begin - found.since < timedelta(hours=24 if by_day else 1)
    assert begin == found.until or (begin.hour * by_day, begin.minute, begin.second) == (0, 0, 0)
    assert not found.long or found.since.minute == 0
    assert found.until - found.since - timedelta(hours=hours) < timedelta(hours=1)


def test_the_days_are_whole_and_today_is_the_last():
    found = days(7, NOW)
    assert (found.since, found.until) == (datetime(2026, 3, 23, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))


def test_a_series_has_so_many_buckets_at_most():
    check_buckets(window("24h", NOW), "minute")
    with pytest.raises(UsageError, match="larger bucket"):
        check_buckets(window("2d", NOW), "minute")
    check_buckets(window(f"{LONGEST.days}d", NOW), "day")
