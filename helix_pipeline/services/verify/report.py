"""What a verification found: the counts of each check, and examples of what disagrees."""

from dataclasses import asdict, dataclass
from typing import Any

MAX_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """One store compared with its reference: `found = expected - missing + duplicate + extra`.

    Counts are records or rows. For the graph they are what its counters add up to, and `duplicate` are nodes
    or relationships that exist more than once, whose counters are in `found`. In Kafka itself `duplicate` are
    event ids that were published again: the stores rightly hold each of those records and do not disagree.
    """

    store: str
    subject: str
    expected: int
    found: int
    missing: int = 0
    duplicate: int = 0
    extra: int = 0

    @property
    def ok(self) -> bool:
        """Whether the store holds what it should, each once."""
        return not (self.missing or self.extra or (self.duplicate and self.store != "kafka"))


@dataclass(frozen=True, slots=True)
class Example:
    """A thing that disagrees: its kind (`conversation`, `debate`, `entity`, `pair` …), and what is wrong."""

    kind: str
    id: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome of a verification.

    `waiting` are quarantined records that this version can read and that were not sent again yet. `arrived`
    are records published while the verification ran: left out, but the graph's counters may hold them.
    """

    stores: tuple[StoreCheck, ...]
    examples: tuple[Example, ...]
    waiting: int
    arrived: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every store agrees."""
        return all(check.ok for check in self.stores)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as one JSON object; each check and the whole carry `ok`."""
        checks = [{**asdict(check), "ok": check.ok} for check in self.stores]
        return {"ok": self.ok, **asdict(self), "stores": checks, "seconds": round(self.seconds, 3)}
