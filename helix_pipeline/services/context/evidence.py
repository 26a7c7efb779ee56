"""Evidence: one message of a conversation, or those of it that name entities, each with what was said around it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.errors import NotFoundError, UsageError
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.requests import check_id
from helix_pipeline.services.context.search import MAX_NEIGHBOURS, Message, messages_of
from helix_pipeline.services.context.stores import ContextStores

MAX_MESSAGES = 20
MAX_NAMES, MAX_NAME = 100, 200
"""Names of an entity that are looked for, and characters of each; other names are left out."""

_BEFORE, _AFTER = r"(?:^|[^\pL\pN])", r"(?:$|[^\pL\pN])"


@dataclass(frozen=True, kw_only=True)
class EvidenceRequest:
    """A message by its id, or the messages that name entities: `entities` has the names of each.

    At most `limit` messages are wanted, each with `neighbours` before and after it. Raises UsageError for a value out
    of range, and where neither a message nor an entity is named.
    """

    conversation_id: str
    message_id: str | None = None
    entities: Sequence[Sequence[str]] = ()
    limit: int = 3
    neighbours: int = 1

    def __post_init__(self) -> None:
        check_id("conversation_id", self.conversation_id)
        if self.message_id is not None:
            check_id("message_id", self.message_id)
        elif not self.entities:
            raise UsageError("neither message_id nor entity: say which messages are wanted")
        if not 1 <= self.limit <= MAX_MESSAGES:
            raise UsageError(f"limit {self.limit}: must be from 1 to {MAX_MESSAGES}")
        if not 0 <= self.neighbours <= MAX_NEIGHBOURS:
            raise UsageError(f"neighbours {self.neighbours}: must be from 0 to {MAX_NEIGHBOURS}")


@dataclass(frozen=True, slots=True)
class Said:
    """A message with those before and after it, in order."""

    message: Message
    before: tuple[Message, ...]
    after: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class EvidenceResult:
    """Messages of a conversation; `complete` and `notes` are as in `Replay`."""

    conversation_id: str
    messages: tuple[Said, ...]
    complete: bool
    notes: tuple[str, ...]


def evidence(stores: ContextStores, request: EvidenceRequest) -> EvidenceResult:
    """Return the messages: those that name more of the entities first, of these the earliest.

    A conversation is read in stretches of about 16 MB, no further than to enough messages that fit in full; neighbours
    come from the stretch of the message. Raises NotFoundError where no message fits, or the conversation is unknown;
    StoreError where no source can be asked.
    """
    found = current(stores, request.conversation_id)
    best: list[tuple[int, Said]] = []
    for stretch in found.batches():
        best = best_of([*best, *_fitting(stretch, request)], request.limit)
        if len(best) == request.limit and best[-1][0] == max(1, len(request.entities)):
            break
    if not best:
        wanted = f"{request.message_id!r}" if request.message_id else "that names the entities as words"
        raise NotFoundError(f"no message {wanted} in the conversation {request.conversation_id!r}")
    return EvidenceResult(request.conversation_id, tuple(said for _, said in best), found.complete, found.notes)


def best_of(found: list[tuple[int, Said]], limit: int) -> list[tuple[int, Said]]:
    """Return those that fit best, at most so many; among equals the order stays."""
    return sorted(found, key=lambda one: -one[0])[:limit]


def named(texts: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.bool_]:
    """Say of each text whether one of the names stands in it as a word of its own, whatever its case."""
    wanted = [re.escape(name) for name in names if 0 < len(name) <= MAX_NAME][:MAX_NAMES]
    if not wanted:
        return np.zeros(len(texts), bool)
    pattern = f"(?i){_BEFORE}(?:{'|'.join(wanted)}){_AFTER}"
    return np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), bool)


def _fitting(stretch: pa.Table, request: EvidenceRequest) -> list[tuple[int, Said]]:
    fits = _fit(stretch, request)
    places = np.argsort(-fits, kind="stable")[: request.limit]
    return [(int(fits[at]), _said(stretch, int(at), request.neighbours)) for at in places if fits[at]]


def _fit(stretch: pa.Table, request: EvidenceRequest) -> NDArray[np.int64]:
    """Return of how many of the entities each message tells; with a message id 1 for that message."""
    if request.message_id is not None:
        same = pc.equal(stretch["message_id"], request.message_id)
        return np.asarray(same.fill_null(False).to_numpy(), np.int64)
    told = np.stack([named(stretch["content"], names) for names in request.entities])
    return np.asarray(told.sum(axis=0), np.int64)


def _said(stretch: pa.Table, at: int, neighbours: int) -> Said:
    first = max(0, at - neighbours)
    shown = messages_of(stretch.slice(first, at - first + 1 + neighbours))
    return Said(shown[at - first], tuple(shown[: at - first]), tuple(shown[at - first + 1 :]))
