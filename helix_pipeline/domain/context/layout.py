"""A conversation laid out for sending: what each sentence, speaker and date line costs in tokens.

Each message is sent as one of its role and speaker. Before the first message of a day stands a system message with the
date, once, so that "yesterday" can be understood: about seven tokens for each day of which anything is kept.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.contracts.events import EARLIEST
from helix_pipeline.domain.context.conversation import speakers
from helix_pipeline.domain.context.encodings import TokenCounter
from helix_pipeline.domain.context.text import Text

Ints = NDArray[np.int64]

LINE_TOKENS = 2
"""Of the colon after a speaker and the end of the line, by which a chat format tells messages apart."""

DATED_FROM = 150
"""Tokens of budget under which no dates are sent: they would take what little room there is."""

GAP = " … "
"""Stands between two parts of a message with something left out, and after a part that ends within a sentence."""

SYSTEM = "system"
UNNAMED = "user"
"""Role of a message that has none, and its speaker where it has no name either."""


@dataclass(frozen=True)
class Layout:
    """Costs and places of a conversation.

    `tokens` int64[sentences] add up within a message; `opening` int64[messages] is what a message costs beside its
    text; `day` int64[messages] numbers the days in order, `day_tokens` int64[days] is what the date of each costs and
    `day_text` how it is written; `gap` is what `GAP` costs. `first` int64[messages + 1] is each message's first
    sentence. `same` int64[sentences] numbers the sentences by their wording, -1 for white space alone.
    """

    text: Text
    tokens: Ints
    opening: Ints
    day: Ints
    day_tokens: Ints
    day_text: tuple[str, ...]
    gap: int
    first: Ints
    same: Ints

    def undated(self) -> "Layout":
        """Return the same without dates."""
        return replace(self, day_tokens=np.zeros_like(self.day_tokens), day_text=("",) * len(self.day_text))

    @property
    def original(self) -> int:
        """The tokens of the whole conversation, as it would be sent."""
        return int(self.tokens.sum() + self.opening.sum() + self.day_tokens.sum())


def laid_out(messages: pa.Table, text: Text, counter: TokenCounter) -> Layout:
    """Return the layout of a `CONVERSATION`, of one message or more, whose contents were analysed as `text`."""
    names = pc.fill_null(speakers(messages), UNNAMED).combine_chunks().dictionary_encode()
    of_speaker = LINE_TOKENS + counter.counts(names.dictionary)
    days, day_text = _days(messages["timestamp"])
    lines = pa.array(day_text, pa.string())
    layout = Layout(
        text=text,
        tokens=counter.of_sentences(text),
        opening=of_speaker[names.indices.to_numpy()],
        day=days,
        day_tokens=LINE_TOKENS + counter.count(SYSTEM) + counter.counts(lines),
        day_text=day_text,
        gap=counter.count(GAP),
        first=np.searchsorted(text.text_of, np.arange(len(messages) + 1)),
        same=_same(text.sentences),
    )
    return layout.undated() if day_text == (UNKNOWN_DAY,) else layout


def _days(timestamps: pa.ChunkedArray) -> tuple[Ints, tuple[str, ...]]:
    """Return the number of each message's day, counted at each change of the date, and how each is written."""
    days = timestamps.to_numpy().astype("datetime64[D]")
    changes = np.concatenate([[True], days[1:] != days[:-1]])
    return np.cumsum(changes) - 1, tuple(map(_written, days[changes].tolist()))


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


UNKNOWN_DAY = _written(EARLIEST)
"""The day of messages that came without a time (`formats.fields`): it is not sent, as it is none."""


def _same(sentences: pa.StringArray) -> Ints:
    bare = pc.utf8_trim_whitespace(sentences)
    numbers = bare.dictionary_encode().indices.to_numpy().astype(np.int64)
    return np.where(pc.binary_length(bare).to_numpy(zero_copy_only=False) > 0, numbers, -1)
