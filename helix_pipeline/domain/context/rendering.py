"""What was chosen of a conversation, in its own words: the kept parts of messages, and the messages to send."""

from collections.abc import Iterator, Sequence
from datetime import UTC

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context.conversation import speakers
from helix_pipeline.domain.context.layout import GAP, SYSTEM, UNNAMED, Layout
from helix_pipeline.domain.context.result import ChatMessage, KeptMessage
from helix_pipeline.domain.context.selection import Choice

_ABOUT = ("message_id", "sequence", "timestamp")


def kept_texts(layout: Layout, choice: Choice) -> list[str]:
    """Return what stays of each message that anything stays of, in order; a whole message as it was written.

    ` … ` stands between parts with something left out, and after a sentence that was cut.
    """
    places = np.flatnonzero(choice.kept)
    messages = np.flatnonzero(choice.opened)
    parts = _with_gaps(layout, choice, places)
    bounds = np.searchsorted(layout.text.text_of[places], [*messages, len(choice.opened)]).astype(np.int32)
    texts: list[str] = pc.binary_join(pa.ListArray.from_arrays(bounds, parts), "").to_pylist()
    return texts


def _with_gaps(layout: Layout, choice: Choice, places: NDArray[np.int64]) -> pa.StringArray:
    """Return the kept sentences, each with what stands between it and the next of its message that is kept."""
    of = layout.text.text_of[places]
    follows = np.diff(of, append=-1) == 0
    ends = layout.first[of + 1] == places + 1
    goes_on = ends | follows & (np.diff(places, append=-1) == 1)
    sentences = layout.text.sentences.take(pa.array(places))
    between = pa.array(np.where(follows, GAP, "").tolist(), pa.string())
    gapped = pc.binary_join_element_wise(pc.utf8_rtrim_whitespace(sentences), between, "")
    parts = pc.if_else(pa.array(goes_on), sentences, gapped)
    for place, length in choice.cut.items():
        number = int(np.searchsorted(places, place))
        cut = pa.array([f"{sentences[number].as_py()[:length]}{GAP if follows[number] else GAP.rstrip()}"])
        parts = pa.concat_arrays([parts.slice(0, number), cut, parts.slice(number + 1)])
    return parts


def kept_messages(
    messages: pa.Table, layout: Layout, choice: Choice, texts: Sequence[str], scores: NDArray[np.float64]
) -> list[KeptMessage]:
    """Return what stays of each message that anything stays of; `scores` float64[messages]."""
    places = np.flatnonzero(choice.opened)
    said_by, role = (pc.fill_null(column, UNNAMED) for column in (speakers(messages), messages["role"]))
    rows = messages.select(_ABOUT).append_column("speaker", said_by).append_column("role", role).take(places)
    complete = _complete(layout, choice)[places].tolist()
    ids, sequences, said_by, roles = (rows[name].to_pylist() for name in ("message_id", "sequence", "speaker", "role"))
    at = [one.replace(tzinfo=UTC) for one in rows["timestamp"].to_numpy().astype("datetime64[us]").tolist()]
    score = scores[places].tolist()
    return list(map(KeptMessage, places.tolist(), ids, sequences, at, said_by, roles, texts, complete, score))


def _complete(layout: Layout, choice: Choice) -> NDArray[np.bool_]:
    """Return of which messages all is kept but white space around it, bool[messages]."""
    missing = ~choice.kept & (layout.same >= 0)
    missing[list(choice.cut)] = True
    return np.asarray(np.bincount(layout.text.text_of[missing], minlength=len(choice.opened)) == 0)


def chat(messages: pa.Table, layout: Layout, kept: Sequence[KeptMessage]) -> Iterator[ChatMessage]:
    """Yield the kept messages as they are sent, with a date before the first of each day."""
    names = messages["name"].take([one.place for one in kept]).to_pylist()
    before = -1
    for one, name, day in zip(kept, names, layout.day[[one.place for one in kept]].tolist(), strict=True):
        if day != before and layout.day_text[day]:
            yield ChatMessage(SYSTEM, layout.day_text[day])
        before = day
        yield ChatMessage(one.role, one.text, name)


def sent_tokens(layout: Layout, choice: Choice, of_texts: NDArray[np.int64]) -> int:
    """Return the tokens of all that is sent: `of_texts` of what stays, speakers and dates."""
    days = np.unique(layout.day[choice.opened])
    return int(of_texts.sum() + layout.opening[choice.opened].sum() + layout.day_tokens[days].sum())
