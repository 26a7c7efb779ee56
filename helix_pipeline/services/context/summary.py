"""Summaries written by a language model, where one is set: checked against their source, or not taken."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import pyarrow as pa

from helix_pipeline.domain.context.conversation import speakers
from helix_pipeline.domain.context.encodings import ESTIMATE, TokenCounter, counter
from helix_pipeline.domain.context.engine import Analysis, compress
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.domain.context.support import share_of_facts, unsupported
from helix_pipeline.errors import StoreError
from helix_pipeline.settings_sections import ContextSettings
from helix_pipeline.stores.models import ask
from helix_pipeline.telemetry import CONTEXT_SUMMARIES

SOURCE_TOKENS = 12_000
"""Estimated tokens of a conversation that the model is sent; of a longer one, an extract of so many."""

TOKENS_PER_WORD = 4 / 3
_Said = tuple[datetime, str, str]
"""When, who, what."""

SHOWN = 3
"""Unsupported words that the note names."""

_INSTRUCTIONS = """\
You summarise a conversation for somebody who will continue it.
Say who did, decided, prefers, plans or promised what, and when. Most important first, in plain sentences, no headings.
Use only what the conversation says: write each name, number and date exactly as it stands there, add none, and open \
each sentence with the name of a speaker.
At most {words} words. Answer with the summary alone."""


@dataclass(frozen=True)
class _RefusedError(Exception):
    """Why a summary is not taken: a word to count it under, and a line to show."""

    kind: Literal["failed", "long", "unsupported", "poor"]
    note: str


def with_written_summary(
    settings: ContextSettings, messages: pa.Table | Analysis, found: CompressedContext
) -> CompressedContext:
    """Return a compressed context with a summary by the model at `settings.llm_base_url`, where that is set and good.

    `messages` is the conversation, as `CONVERSATION`, or its analysis. A summary is good when it has no more tokens
    than the extractive one, all its numbers, dates and names are in what the model was sent (`domain.context.support`),
    and it keeps at least the share of facts that the extractive one keeps. Otherwise, and where no answer comes in
    time, the context keeps its summary, with a note why. Nothing but the summary changes.
    """
    if settings.llm_base_url is None or not found.summary:
        return found
    try:
        summary = _written(settings, _said(messages), found.summary, counter(found.stats.encoding))
    except _RefusedError as refusal:
        CONTEXT_SUMMARIES.labels(refusal.kind).inc()
        return replace(found, summary_note=refusal.note)
    CONTEXT_SUMMARIES.labels("taken").inc()
    return replace(found, summary=summary, summary_by="model")


def _written(settings: ContextSettings, said: list[_Said], extract: str, counts: TokenCounter) -> str:
    """Return a good summary, or raise _RefusedError."""
    sent = "\n".join(f"{at.day} {at:%B %Y}, {speaker}: {text}" for at, speaker, text in said)
    room = counts.count(extract)
    try:
        summary = ask(settings, _INSTRUCTIONS.format(words=int(room / TOKENS_PER_WORD)), sent, 2 * room)
    except StoreError as error:
        raise _RefusedError("failed", str(error)) from None
    if (length := counts.count(summary)) > room:
        raise _RefusedError("long", f"the model's summary has {length:,} tokens, the extract {room:,}")
    if foreign := unsupported(summary, sent):
        shown = ", ".join(foreign[:SHOWN])
        raise _RefusedError("unsupported", f"the model's summary says what the conversation does not: {shown}")
    texts = "\n".join(text for _, _, text in said)
    share, least = share_of_facts(summary, texts), share_of_facts(extract, texts)
    if share < least:
        raise _RefusedError("poor", f"the model's summary keeps {share:.0%} of the facts, the extract {least:.0%}")
    return summary


def _said(messages: pa.Table | Analysis) -> list[_Said]:
    """Return the messages of a conversation that the model reads; of a long one, an extract of all its parts."""
    table = messages.messages if isinstance(messages, Analysis) else messages
    texts = table["content"].combine_chunks()
    if counter(ESTIMATE).counts(texts).sum() > SOURCE_TOKENS:
        extract = compress(messages, CompressionRequest("full", SOURCE_TOKENS, None))
        return [(kept.timestamp, kept.speaker, kept.text) for kept in (*extract.selected, *extract.recent)]
    return list(zip(table["timestamp"].to_pylist(), speakers(table).to_pylist(), texts.to_pylist(), strict=True))
