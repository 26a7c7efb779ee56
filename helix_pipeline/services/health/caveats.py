"""What makes a component degraded though its stores answer. Each source of such reasons is a function of `SOURCES`.

To add one, write a function of the settings that returns caveats, from files or counters of this machine alone: it is
called for each answer and must take no longer than reading a small file.
"""

from collections.abc import Callable, Iterator
from typing import Any

from helix_pipeline.domain.features import components_of
from helix_pipeline.domain.health import Caveat
from helix_pipeline.services.analytics.recorder import figure_files
from helix_pipeline.services.outbox import JournalState
from helix_pipeline.services.progress import read_progress
from helix_pipeline.settings import Settings

DOWN = ("failed", "lost")
"""States of a query that ended though nobody stopped it."""


def caveats(settings: Settings, journal: JournalState) -> list[Caveat]:
    """Return what every source, and the journal of this process, say now."""
    return [*(caveat for source in SOURCES for caveat in source(settings)), *_journal(journal)]


def journal_said(journal: JournalState) -> str:
    """Return what keeps events in the journal, and what those of other processes have; nothing where none are there."""
    count, size = journal.others, journal.others_nbytes
    others = f"journals of other processes ({count}) have {size:,} bytes" if count else ""
    return "; ".join(filter(None, (_own_said(journal), others)))


def _own_said(journal: JournalState) -> str:
    if journal.state in ("off", "empty"):
        return ""
    if not journal.events:
        return f"{journal.state}: {journal.reason}"
    size = f"{journal.nbytes:,} of {journal.max_bytes:,} bytes"
    kept = f"{journal.events} events in {size}, the oldest {journal.oldest_s or 0:.0f} s old"
    return f"{journal.state}, {kept}: {journal.reason}"


def _journal(journal: JournalState) -> Iterator[Caveat]:
    """Tell of events that Kafka does not have yet."""
    said = journal_said(journal)
    for component in ("infinite_context", "knowledge_graph") if said else ():
        own = {"journal_events": journal.events, "journal_bytes": journal.nbytes}
        yield Caveat(component, f"journal: {said}", own | {"other_journals_bytes": journal.others_nbytes})


def _streams(settings: Settings) -> Iterator[Caveat]:
    """Tell of queries that are down: what they fill stays as it was."""
    for state in read_progress(settings):
        if state["state"] in DOWN:
            for component in components_of(state["query"]):
                yield Caveat(component, _down(state), {"stream_lag": int(state["lag"])})


def _down(state: dict[str, Any]) -> str:
    reason = state.get("error") if state["state"] == "failed" else "its process is gone"
    return f"the stream {state['query']} is {state['state']}: {reason}"


def _figures(settings: Settings) -> Iterator[Caveat]:
    """Tell of figures of the API that ClickHouse does not have yet."""
    kept = figure_files(settings).kept()
    if kept.files:
        counts = {"figure_files": kept.files, "figure_bytes": kept.bytes}
        yield Caveat("analytics", f"figures of the API wait in {kept.files} files", counts)


SOURCES: tuple[Callable[[Settings], Iterator[Caveat]], ...] = (_streams, _figures)
