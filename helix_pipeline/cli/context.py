"""`helix context`: replay conversations whole or compressed, search them, say what they are like, add messages."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helix_pipeline.cli.context_output import (
    clean,
    print_context,
    print_hits,
    print_json,
    print_said,
    print_stats,
    said_in,
)
from helix_pipeline.settings import load

if TYPE_CHECKING:
    from helix_pipeline.services.context.stores import ContextStores

Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API answers.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the conversation.")]
MaxTokens = Annotated[int | None, typer.Option(help="At most so many tokens.")]
Ratio = Annotated[float | None, typer.Option(help="Share of the tokens that may stay, over 0, at most 1.")]
Query = Annotated[str | None, typer.Option(help="What the context will be used for.")]
Encoding = Annotated[str | None, typer.Option(help="How tokens are counted: estimate, cl100k_base or o200k_base.")]
Strategy = Annotated[str | None, typer.Option(help="window, entity, full or hybrid; default: as configured.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    commands = typer.Typer(help="Conversations: replay, compress, search, describe, add to.", no_args_is_help=True)
    for command in (replay, search, stats, compress, add):
        commands.command()(command)
    app.add_typer(commands, name="context")


def replay(
    conversation_id: Id,
    *,
    strategy: Annotated[
        str | None, typer.Option(help="none (all of it), window, entity, full or hybrid; default: as configured.")
    ] = None,
    max_tokens: MaxTokens = None,
    ratio: Ratio = None,
    query: Query = None,
    start: Annotated[datetime | None, typer.Option("--from", help="Only what was said then (UTC) or later.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Only what was said before (UTC).")] = None,
    encoding: Encoding = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print a conversation, whole or compressed; with --strategy none --json a line of JSON a message."""
    from helix_pipeline.services.context import replay as service  # drivers that other commands need not load
    from helix_pipeline.services.context.requests import ReplayRequest

    request = ReplayRequest(
        conversation_id=conversation_id,
        compression_strategy=strategy,  # type: ignore[arg-type]
        max_tokens=max_tokens,
        ratio=ratio,
        query=query,
        start=_utc(start),
        end=_utc(end),
        encoding=encoding,
    )
    with _stores(config) as stores:
        if request.whole():
            _print_stream(service.stream(stores, request), as_json)
            return
        found = service.replay(stores, request)
    assert found.context is not None
    if as_json:
        print_json(found.about() | found.context.answer())
        return
    print_context(found.context, f"; read from {found.source} in {found.seconds:.2f} s altogether")
    _tell(found.notes)


def search(
    query: Annotated[str, typer.Argument(help="A question, or words.")],
    *,
    conversation: Annotated[str | None, typer.Option(help="Search this conversation.")] = None,
    user: Annotated[str | None, typer.Option(help="Search the conversations in which this user spoke.")] = None,
    top_k: Annotated[int | None, typer.Option(help="How many messages.")] = None,
    neighbours: Annotated[int, typer.Option(help="How many messages before and after each come with it.")] = 1,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find the messages that answer a question, in a conversation or in those of a user; best first."""
    from helix_pipeline.services.context import search as service  # drivers that other commands need not load

    request = service.SearchRequest(
        query=query, conversation_id=conversation, user_id=user, top_k=top_k, neighbours=neighbours
    )
    with _stores(config) as stores:
        found = service.search(stores, request)
    if as_json:
        print_json(found)
        return
    print_hits(found.hits)
    _tell(
        (f"{len(found.hits)} messages, of {found.conversations:,} conversations, {found.seconds:.2f} s", *found.notes)
    )


def stats(conversation_id: Id, config: Config = None, as_json: AsJson = False) -> None:
    """Say how long a conversation is, who speaks of what, and whether its numbering has flaws."""
    from helix_pipeline.services.context import stats as service  # drivers that other commands need not load

    with _stores(config) as stores:
        found = service.stats(stores, conversation_id)
    if as_json:
        print_json(found)
        return
    print_stats(found)
    _tell(found.notes)


def compress(
    file: Annotated[
        Path,
        typer.Argument(help="Messages as JSON lines, or any form that `helix ingest` reads; - for standard input."),
    ],
    *,
    strategy: Strategy = None,
    max_tokens: MaxTokens = None,
    ratio: Ratio = None,
    query: Query = None,
    conversation: Annotated[str | None, typer.Option(help="Which one, where the file has several.")] = None,
    encoding: Encoding = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compress a conversation in a file; no server is needed."""
    from helix_pipeline.services.context.files import compressed_file, conversation_in
    from helix_pipeline.services.context.requests import ReplayRequest

    settings = load(config)
    messages, left_out = conversation_in(file, conversation)
    request = ReplayRequest(
        conversation_id=messages["conversation_id"][0].as_py(),
        compression_strategy=strategy,  # type: ignore[arg-type]
        max_tokens=max_tokens,
        ratio=ratio,
        query=query,
        encoding=encoding,
    )
    context = compressed_file(settings, messages, request)
    if as_json:
        print_json({"conversation_id": request.conversation_id, **context.answer()})
    else:
        print_context(context, "")
    _tell(f"left out: {reason}" for reason in left_out[:3])


def add(
    conversation_id: Id,
    text: Annotated[str, typer.Argument(help="What is said; - reads it from standard input.")],
    *,
    role: Annotated[str, typer.Option(help="user, assistant, system, …")] = "user",
    name: Annotated[str | None, typer.Option(help="Who says it.")] = None,
    user: Annotated[str | None, typer.Option(help="Id of the user.")] = None,
    message_id: Annotated[str | None, typer.Option(help="Given again, it is the same message.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add a message to a conversation, which may be new; files are for `helix ingest`."""
    from helix_pipeline.services.context.messages import add_messages  # drivers that other commands need not load

    said = {"role": role, "name": name, "user_id": user, "message_id": message_id}
    said["content"] = sys.stdin.read().rstrip("\n") if text == "-" else text
    with _stores(config) as stores:
        added = add_messages(stores, conversation_id, [said])
    if as_json:
        print_json(added)
        return
    [one] = added.messages
    what = "was there already" if added.duplicates else f"is number {one.sequence} of {conversation_id}"
    typer.echo(f"{one.message_id} {what}")


@contextmanager
def _stores(config: Path | None) -> "Iterator[ContextStores]":
    from helix_pipeline.services.context.stores import ContextStores

    with ContextStores(load(config)) as stores:
        yield stores


def _print_stream(found: Any, as_json: bool) -> None:
    if as_json:
        for lines in found.ndjson():
            sys.stdout.buffer.write(lines)
    else:
        print_said(said for batch in found.batches for said in said_in(batch))
    _tell((f"read from {found.source}", *found.notes))


def _tell(notes: Any) -> None:
    for note in notes:
        typer.echo(f"helix: {clean(note)}", err=True)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None
