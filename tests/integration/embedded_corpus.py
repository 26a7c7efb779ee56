"""Messages that name entities, in a graph and in a lake, and what a search finds of them by name and by meaning."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from graph_contents import START, Contents, mention, said

from helix_pipeline.contracts.job_tables.entities import ENTITIES
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.services.knowledge.questions import search
from helix_pipeline.services.knowledge.refresh import Refreshed
from helix_pipeline.services.knowledge.stores import Answered, KnowledgeStores
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.settings_sections import Section
from helix_pipeline.stores.lake import commit, create_tables, open_lake, open_table, write_files

Row = tuple[str, str]


class Corpus:
    """Messages of one sentence that name one entity each, in a graph and in the lake of `settings`."""

    def __init__(self, contents: Contents, settings: Settings) -> None:
        self.contents, self.settings, self.rows = contents, settings, list[Row]()
        create_tables(open_lake(settings), LAKE_TABLES)

    def count(self, *rows: Row) -> None:
        """Let the graph have messages, as the stream does."""
        talk = [(f"c{place}", "u1", place) for place in self._places(rows)]
        named = [mention(place, f"tech:{name.lower()}", name) for place, (name, _) in enumerate(rows)]
        self.contents.apply(len(self.rows), said(talk, named))

    def keep(self, *rows: Row) -> None:
        """Let the lake have messages and what they name, as the streams and the job EntityExtraction do."""
        lake, places = open_lake(self.settings), self._places(rows)
        talk = [message(place, text) for place, (_, text) in zip(places, rows, strict=True)]
        table = pa.Table.from_pylist(talk, LAKE_CONVERSATIONS.schema)
        commit(open_table(lake, "conversations"), write_files(lake, LAKE_CONVERSATIONS, table), "test", len(self.rows))
        named = [span(place, *row) for place, row in zip(places, rows, strict=True)]
        write_deltalake(lake.uri("entities"), pa.Table.from_pylist(named, ENTITIES.stored), mode="append")
        self.rows += rows

    def add(self, *rows: Row) -> None:
        self.count(*rows)
        self.keep(*rows)

    def refresh(self, settings: Settings | None = None) -> Refreshed:
        used = settings or self.settings
        found = Upkeep(used, open_lake(used)).refresh()
        self.contents.ask("CALL db.awaitIndexes(60)")
        return found

    def search(self, query: str, settings: Settings | None = None, **bounds: Any) -> Answered[Any]:
        with KnowledgeStores(settings or self.settings) as stores:
            return search(stores, query, **bounds)

    def names(self, query: str, settings: Settings | None = None, **bounds: Any) -> list[str]:
        return [one.name for one in self.search(query, settings, **bounds).value]

    def _places(self, rows: tuple[Row, ...]) -> range:
        return range(len(self.rows), len(self.rows) + len(rows))


def message(place: int, text: str) -> dict[str, Any]:
    at = {"timestamp": START + timedelta(seconds=place), "ingested_at": START}
    named = {"event_id": f"e{place}", "conversation_id": f"c{place}", "message_id": f"m{place}", "sequence": 0}
    about = {"schema_version": 1, "event_type": "message.added", "metadata": "{}", "role": "user", "content": text}
    return {**at, **named, **about, "kafka_partition": 0, "kafka_offset": place}


def span(place: int, name: str, text: str) -> dict[str, Any]:
    start = text.index(name)
    where = {"conversation_id": f"c{place}", "message_id": f"m{place}", "timestamp": START + timedelta(seconds=place)}
    named = {"entity_id": f"tech:{name.lower()}", "entity_name": name, "entity_type": "TECH", "surface": name}
    return {**where, **named, "start": start, "end": start + len(name)}


def changed(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """The settings with other values in some sections."""
    parts: dict[str, Section] = {name: getattr(settings, name) for name in sections}
    return settings.model_copy(update={name: part.model_copy(update=sections[name]) for name, part in parts.items()})
