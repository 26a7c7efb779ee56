"""Who speaks in a conversation, in which sessions and when; sums over what stands around a message."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context.cues import STOP_WORDS
from helix_pipeline.domain.context.features import turns
from helix_pipeline.domain.context.retrieval.dates import Days

Column = NDArray[np.float32]

SHORT_SESSION = 13
"""Messages over which the mean of a session is taken at least: the fewest that a session had in training. A message
that stands alone would be the whole mean otherwise, which speaks against a message that is like all others."""

AROUND = ("", "_before", "_after", "_two_before", "_two_after", "_session_most", "_session_mean")
"""What `Dialogue.around` gives, in this order: of the message itself, its neighbours and its session."""


@dataclass(frozen=True)
class Dialogue:
    """The messages of a conversation as turns.

    `speaker` is a place in `names`, where "" stands for all without a name; `session` counts from 0; both
    int64[messages]. `labels` are each message's own label of its session, `days` the days in UTC, datetime64[D].
    """

    speaker: NDArray[np.int64]
    names: list[str]
    session: NDArray[np.int64]
    labels: list[str | None]
    days: Days

    @cached_property
    def name_words(self) -> frozenset[str]:
        """The words of all names, in lower case."""
        return frozenset(word for name in self.names for word in name.lower().split())

    def named(self, words: frozenset[str]) -> Column:
        """Return 1 for the messages of those whom the words name, 0 for all where they name nobody or everybody.

        A word names somebody as it is written, or in lower case where it is no stop word.
        """
        forms = [frozenset(name.split()) | frozenset(name.lower().split()) - STOP_WORDS for name in self.names]
        one = np.array([bool(form & words) for form in forms], np.float32)
        return one[self.speaker] if 0 < one.sum() < len(one) else np.zeros(len(self.speaker), np.float32)

    def before(self, values: Column, by: int = 1) -> Column:
        """Return the value of the message one or two before, 0 where that is in another session."""
        moved = np.zeros_like(values)
        np.multiply(values[:-by], self._together[by], out=moved[by:])
        return moved

    def after(self, values: Column, by: int = 1) -> Column:
        """Return the value of the message one or two after, 0 where that is in another session."""
        moved = np.zeros_like(values)
        np.multiply(values[by:], self._together[by], out=moved[:-by])
        return moved

    def around(self, values: Column) -> list[Column]:
        """Return the values of each message, its neighbours and its session, as `AROUND` names them."""
        near = [self.before(values), self.after(values), self.before(values, 2), self.after(values, 2)]
        starts = self._starts
        most = np.maximum.reduceat(values, starts)[self.session]
        sizes = np.maximum(np.diff(starts, append=len(values)), SHORT_SESSION)
        mean = (np.add.reduceat(values, starts) / sizes)[self.session]
        return [values, *near, most, mean.astype(np.float32)]

    @cached_property
    def _together(self) -> dict[int, Column]:
        """Whether each message and the one so many after it are of one session, as 0 and 1."""
        return {by: (self.session[by:] == self.session[:-by]).astype(np.float32) for by in (1, 2)}

    @cached_property
    def place_in_session(self) -> NDArray[np.int64]:
        """How many messages of its session go before each message, int64[messages]."""
        return np.asarray(np.arange(len(self.session)) - np.searchsorted(self.session, self.session), np.int64)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.place_in_session == 0)


def dialogue(messages: pa.Table) -> Dialogue:
    """Return the turns of a `CONVERSATION`."""
    said_by = pc.fill_null(messages["name"], "").combine_chunks().dictionary_encode()
    session = np.cumsum(turns(messages).begins) - 1
    days = messages["timestamp"].to_numpy().astype("datetime64[D]")
    who = said_by.indices.to_numpy().astype(np.int64)
    return Dialogue(who, said_by.dictionary.to_pylist(), session, messages["session"].to_pylist(), days)
