"""What is asked of the context engine: how a conversation is cut, and to what size."""

from dataclasses import dataclass
from typing import Literal, get_args

from helix_pipeline.errors import UsageError

Strategy = Literal["window", "entity", "full", "hybrid"]
"""window: the newest messages and a short summary of what went before. entity: what is said of the main entities.
full: a summary of all parts alike. hybrid: the most important sentences, the newest messages, the main entities."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True)
class CompressionRequest:
    """How to compress. Of `max_tokens` and `ratio` (share of the original tokens) the smaller budget counts.

    `query` is what the context will be used for, if that is known. `importance_threshold` in [0, 1] is the score from
    which a message counts as important; `retrieval_top_k` is how many messages the query brings in with their
    neighbours; `min_quality` in [0, 1] is the quality below which the result carries a warning. `encoding` names how
    tokens are counted (`domain.context.tokens`).

    Raises UsageError for a value out of range.
    """

    strategy: Strategy = "hybrid"
    max_tokens: int | None = None
    ratio: float | None = 0.3
    query: str | None = None
    importance_threshold: float = 0.7
    retrieval_top_k: int = 10
    min_quality: float = 0.95
    encoding: str = "estimate"

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UsageError(f"strategy {self.strategy!r}: must be one of {', '.join(STRATEGIES)}")
        if self.max_tokens is None and self.ratio is None:
            raise UsageError("neither max_tokens nor ratio: give the budget as one of them")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UsageError(f"max_tokens {self.max_tokens}: must be at least 1")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise UsageError(f"ratio {self.ratio:g}: must be over 0 and at most 1")
        for name in ("importance_threshold", "min_quality"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} {getattr(self, name):g}: must be from 0 to 1")
        if self.retrieval_top_k < 1:
            raise UsageError(f"retrieval_top_k {self.retrieval_top_k}: must be at least 1")

    def budget(self, original_tokens: int) -> int:
        """Return how many tokens the result may have, of a conversation of so many."""
        by_ratio = original_tokens if self.ratio is None else int(self.ratio * original_tokens)
        return min(original_tokens, by_ratio, self.max_tokens or original_tokens)
