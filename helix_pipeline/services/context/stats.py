"""What a conversation is like: how much of it there is, who speaks of what, and whether its numbering has flaws."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context.conversation import speakers
from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.domain.context.facts import names
from helix_pipeline.domain.context.layout import laid_out
from helix_pipeline.services.context.analysing import analysis_of
from helix_pipeline.services.context.conversation import Source
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.requests import check_id
from helix_pipeline.services.context.stores import ContextStores

ENTITIES, PARTICIPANTS, EXAMPLES = 20, 50, 10
"""How many of each are named at most."""


@dataclass(frozen=True, slots=True)
class Participant:
    """Who spoke, and how many messages."""

    name: str
    messages: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """The numbering of the messages from `first` to `last`.

    `missing` numbers that no message has, `repeated` those that several have; the first few of each.
    """

    first: int
    last: int
    missing: int
    missing_ranges: tuple[tuple[int, int], ...]
    repeated: int
    repeated_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CacheState:
    """What is remembered: contexts kept in this process, made by it so far, and whether they are shared."""

    contexts: int
    compressions: int
    conversation: bool
    shared: bool


@dataclass(frozen=True)
class ConversationStats:
    """Figures of a conversation; `tokens` are those that a model would be sent, counted as `encoding` says.

    `entities` are the names that matter most. `source`, `complete` and `notes` are as in `Replay`.
    """

    conversation_id: str
    messages: int
    tokens: int
    encoding: str
    first_message: datetime
    last_message: datetime
    participants: tuple[Participant, ...]
    entities: tuple[str, ...]
    sequence: Sequence
    cache: CacheState
    source: Source
    complete: bool
    notes: tuple[str, ...]


def stats(stores: ContextStores, conversation_id: str) -> ConversationStats:
    """Return the figures of a conversation; raises as `replay`."""
    check_id("conversation_id", conversation_id)
    cache = _cache_state(stores, conversation_id)
    found = current(stores, conversation_id)
    known, encoding = analysis_of(stores, found), stores.settings.context.encoding
    said = pc.min_max(known.messages["timestamp"]).as_py()
    return ConversationStats(
        conversation_id=conversation_id,
        messages=len(known.messages),
        tokens=laid_out(known.messages, known.text, counter(encoding)).original,
        encoding=encoding,
        first_message=said["min"],
        last_message=said["max"],
        participants=_participants(known.messages),
        entities=tuple(names(known.text, known.words, known.importance, ENTITIES)),
        sequence=numbering(known.messages["sequence"].to_numpy()),
        cache=cache,
        source=found.source,
        complete=found.complete,
        notes=found.notes,
    )


def numbering(sequence: NDArray[np.int64]) -> Sequence:
    """Return the flaws in the numbers, in any order, of one message or more."""
    numbers, counts = np.unique(sequence, return_counts=True)
    gaps = np.flatnonzero(np.diff(numbers) > 1)
    ranges = [(int(numbers[gap]) + 1, int(numbers[gap + 1]) - 1) for gap in gaps[:EXAMPLES]]
    first, last = int(numbers[0]), int(numbers[-1])
    missing = last - first + 1 - len(numbers)
    repeated = numbers[counts > 1]
    return Sequence(first, last, missing, tuple(ranges), len(repeated), tuple(repeated[:EXAMPLES].tolist()))


def _participants(messages: pa.Table) -> tuple[Participant, ...]:
    """Return who spoke most, most first."""
    counted = pc.value_counts(speakers(messages).combine_chunks()).to_pylist()
    order = sorted(counted, key=lambda one: (-one["counts"], one["values"]))
    return tuple(Participant(one["values"], one["counts"]) for one in order[:PARTICIPANTS])


def _cache_state(stores: ContextStores, conversation_id: str) -> CacheState:
    caches = stores.caches
    kept = caches.contexts.count(lambda key: key[0] == conversation_id)
    known = caches.conversations.count(lambda key: key[0] == conversation_id)
    return CacheState(kept, caches.made.get(conversation_id) or 0, known > 0, caches.shared is not None)
