"""Conversations in files, read and compressed with no store: `helix context compress`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.domain.context.conversation import CONVERSATION, ordered
from helix_pipeline.domain.context.engine import analysed, compress
from helix_pipeline.domain.context.result import CompressedContext
from helix_pipeline.domain.context.retrieval.index import build
from helix_pipeline.errors import UsageError
from helix_pipeline.formats import Rejected, Source, open_source, read
from helix_pipeline.services.context.requests import ReplayRequest, compression
from helix_pipeline.services.context.summary import with_written_summary
from helix_pipeline.settings import Settings

BATCH = 10_000


def conversation_in(path: Path, conversation_id: str | None = None) -> tuple[pa.Table, list[str]]:
    """Return a conversation of a file (`-`: standard input), as `CONVERSATION`, and why other records were left out.

    The file may be of any form of `formats`, or messages with `role` and `content` alone; `conversation_id` chooses
    one of several.
    Raises UsageError where the file cannot be used, has no message of the conversation, or more than one without a
    choice.
    """
    left_out: list[str] = []
    with open_source(path) as source:
        rows = _rows(source, path, conversation_id, left_out)
        batches = list(_batches(rows))
    if not batches:
        reason = f": {left_out[0]}" if left_out else ""
        wanted = f"message of conversation {conversation_id!r}" if conversation_id else "message"
        raise UsageError(f"{source.name}: no {wanted} in it{reason}")
    return ordered(pa.Table.from_batches(batches, CONVERSATION)), left_out


def compressed_file(settings: Settings, messages: pa.Table, request: ReplayRequest) -> CompressedContext:
    """Return messages that were read from a file compressed as a request says. Raises UsageError where it is bad."""
    how = compression(request, settings)
    known = analysed(messages)
    relevance = build(messages, known.text).scores(how.query) if how.query else None
    return with_written_summary(settings.context, known, compress(known, how, relevance))


def _rows(source: Source, path: Path, wanted: str | None, left_out: list[str]) -> Iterator[dict[str, Any]]:
    chosen = wanted
    for outcome in read(source, wanted or path.name):
        if isinstance(outcome, Rejected):
            left_out.append(f"{outcome.place}: {outcome.detail}")
        elif isinstance(outcome, MessageAdded):
            chosen = chosen or outcome.conversation_id
            if outcome.conversation_id == chosen:
                yield {name: getattr(outcome, name) for name in CONVERSATION.names}
            elif wanted is None:
                found = f"{chosen!r} and {outcome.conversation_id!r}"
                raise UsageError(
                    f"{source.name}: more than one conversation, such as {found}: choose with --conversation"
                )


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    """Yield rows as columns, a bounded number at a time: objects take ten times the memory."""
    held: list[dict[str, Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == BATCH:
            yield pa.RecordBatch.from_pylist(held, CONVERSATION)
            held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, CONVERSATION)
