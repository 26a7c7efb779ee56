"""A window is drawn by a bucket that suits it; who won debates, which is kept by hour, never by minute."""

import pytest

from helix_pipeline.errors import UsageError
from helix_pipeline.services.analytics import debates, reports


@pytest.mark.parametrize(
    ("window", "calls", "wins"),
    [("2h", "minute", "hour"), ("3h", "hour", "hour"), ("3d", "hour", "hour"), ("4d", "day", "day")],
)
def test_a_window_has_a_bucket_of_calls_and_one_of_wins(window: str, calls: str, wins: str):
    assert (reports.bucket_of(window), debates.bucket_of(window)) == (calls, wins)


def test_what_is_no_window_has_none():
    with pytest.raises(UsageError, match="window"):
        debates.bucket_of("24")
