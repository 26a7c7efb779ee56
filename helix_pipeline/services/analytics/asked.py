"""What a question of analytics may ask for: windows, days, limits, names, checked for every caller alike."""

from datetime import UTC, datetime

from helix_pipeline.domain.analytics.window import Bucket, Window, check_buckets, days, window
from helix_pipeline.errors import UsageError

MOST_DAYS = 366
MOST_LIMIT = 200
MOST_NAME = 512
"""Characters of a provider's name, or of a debate's id."""


def asked_window(text: str, bucket: Bucket | None = None) -> Window:
    """Return the window that ends now. Raises UsageError where it is none, or has too many buckets."""
    found = window(text, datetime.now(UTC))
    if bucket:
        check_buckets(found, bucket)
    return found


def asked_days(count: int) -> Window:
    """Return the last `count` days, today among them. Raises UsageError outside 1 to `MOST_DAYS`."""
    if not 1 <= count <= MOST_DAYS:
        raise UsageError(f"days {count}: ask for 1 to {MOST_DAYS}")
    return days(count, datetime.now(UTC))


def check_limit(limit: int) -> None:
    """Raise UsageError outside 1 to `MOST_LIMIT`."""
    if not 1 <= limit <= MOST_LIMIT:
        raise UsageError(f"limit {limit}: ask for 1 to {MOST_LIMIT}")


def check_name(name: str) -> None:
    """Raise UsageError where a name or id is empty or longer than `MOST_NAME`."""
    if not 0 < len(name) <= MOST_NAME:
        raise UsageError(f"a name has 1 to {MOST_NAME} characters, not {len(name)}")
