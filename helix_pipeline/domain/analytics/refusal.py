"""The one error of the check of free queries."""

from helix_pipeline.errors import UsageError


class RefusedQueryError(UsageError):
    """A free query that is not sent to the warehouse: says what in it is not allowed, and what to write instead."""
