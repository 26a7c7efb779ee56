"""What is asked of the context service, checked; what a request leaves open comes from the settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.rows import constraints
from helix_pipeline.domain.context.request import STRATEGIES, CompressionRequest, Strategy
from helix_pipeline.errors import UsageError
from helix_pipeline.settings import Settings

CompressionStrategy = Literal["none"] | Strategy
MAX_PAGE = 10_000


@dataclass(frozen=True, kw_only=True)
class ReplayRequest:
    """A conversation, or its part said in [start, end), whole (`none`) or compressed.

    Without a strategy it is compressed by the one of the settings; without `max_tokens` and `ratio` to the ratio of the
    settings. Whole, it comes in pages of `limit` messages: `cursor` is the `next_cursor` of the page before.

    Raises UsageError for a value out of range.
    """

    conversation_id: str
    compression_strategy: CompressionStrategy | None = None
    max_tokens: int | None = None
    ratio: float | None = None
    query: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_quality: float | None = None
    importance_threshold: float | None = None
    retrieval_top_k: int | None = None
    encoding: str | None = None
    cursor: str | None = None
    limit: int = 1_000

    def __post_init__(self) -> None:
        check_id("conversation_id", self.conversation_id)
        known = ("none", *STRATEGIES)
        if self.compression_strategy not in {None, *known}:
            given = repr(self.compression_strategy)
            raise UsageError(f"compression_strategy {given}: must be one of {', '.join(known)}")
        if not 1 <= self.limit <= MAX_PAGE:
            raise UsageError(f"limit {self.limit}: must be from 1 to {MAX_PAGE}")
        for name, at in (("from", self.start), ("to", self.end)):
            if at is not None and at.utcoffset() is None:
                raise UsageError(f"{name} {at.isoformat()}: give a time zone, such as {at.isoformat()}Z")
        if self.start and self.end and self.start >= self.end:
            raise UsageError(f"from {self.start.isoformat()} is not before to {self.end.isoformat()}")

    def whole(self) -> bool:
        """Tell whether all messages are asked for."""
        return self.compression_strategy == "none"


def compression(request: ReplayRequest, settings: Settings) -> CompressionRequest:
    """Return how to compress. Raises UsageError for a value out of range."""
    defaults = settings.context
    strategy = request.compression_strategy or defaults.strategy
    if strategy == "none":
        raise UsageError("compression_strategy 'none' compresses nothing")
    given = ("min_quality", "importance_threshold", "retrieval_top_k", "encoding")
    rest = {name: getattr(request, name) for name in given}
    return CompressionRequest(
        strategy=strategy,
        max_tokens=defaults.max_tokens if request.max_tokens is None else request.max_tokens,
        ratio=request.ratio if request.ratio is not None or request.max_tokens is not None else defaults.ratio,
        query=request.query or None,
        **{name: getattr(defaults, name) if value is None else value for name, value in rest.items()},
    )


def within(messages: pa.Table, request: ReplayRequest) -> pa.Table:
    """Return the messages said in the time that a request asks for."""
    said = messages["timestamp"]
    if request.start:
        messages = messages.filter(pc.greater_equal(said, pa.scalar(request.start, said.type)))
    if request.end:
        messages = messages.filter(pc.less(messages["timestamp"], pa.scalar(request.end, said.type)))
    return messages


def check_id(name: str, value: str) -> None:
    """Raise UsageError where a text cannot be an id of the contract: 1 to 512 characters, valid Unicode."""
    longest = next(c.max_length for c in _LIMITS if hasattr(c, "max_length"))
    if not 1 <= len(value) <= longest or "\0" in value:
        raise UsageError(f"{name} {value[:40]!r}: must have 1 to {longest} characters, none of them a null byte")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} {value[:40]!r}: is not valid Unicode") from None


_ID = MessageAdded.model_fields["conversation_id"]
_LIMITS = constraints(_ID.annotation, _ID.metadata)
