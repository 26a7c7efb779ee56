"""A real quarantine table for the tests of `helix quarantine`, and what was sent to Kafka."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import typer
from typer.testing import CliRunner, Result

from helix_pipeline.cli import quarantine as commands
from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.rows import QUARANTINE
from helix_pipeline.contracts.tables import LAKE_QUARANTINE, LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES
from helix_pipeline.services.quarantine import Selection
from helix_pipeline.services.quarantine_replay import ReplayReport, replay
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, lake

NOW = datetime.now(UTC).replace(microsecond=0)
RAW = b'{"broken": \x00\xff [red]'


class Quarantine:
    """A quarantine table of this test's own, and what was sent to Kafka since the test began."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        own = settings.lake.model_copy(update={"root": str(folder / "lake")})
        self.settings = settings.model_copy(update={"lake": own})
        self.lake = lake.open_lake(self.settings)
        lake.create_tables(self.lake, LAKE_TABLES)
        bus.ensure_topics(settings)
        self.offset, self.began = 0, datetime.now(UTC)
        self.starts = {name: self.ends(name) for name in (CONVERSATIONS.name, DEBATES.name)}

    def put(
        self,
        value: bytes | None,
        topic: str = CONVERSATIONS.name,
        reason: str = "r",
        key: bytes | None = b"k",
    ) -> None:
        self.offset += 1
        row = {
            "topic": topic,
            "kafka_partition": 3,
            "kafka_offset": self.offset,
            "ingested_at": self.began + timedelta(seconds=self.offset),
            "key": key,
            "value": value,
            "reason": reason,
        }
        files = lake.write_files(self.lake, LAKE_QUARANTINE, pa.Table.from_pylist([row], QUARANTINE))
        assert lake.commit(lake.open_table(self.lake, LAKE_QUARANTINE.name), files, "test", self.offset)

    def ends(self, topic: str) -> dict[int, int]:
        return {p: end for p, (_, end) in bus.record_ranges(self.settings, topic).items()}

    def sent(self, topic: str = CONVERSATIONS.name) -> list[tuple[bytes, bytes, dict[str, bytes]]]:
        """Key, value and headers of the records that the topic got since the test began."""
        ranges = {p: (self.starts[topic][p], end) for p, end in self.ends(topic).items()}
        read = bus.read_records(self.settings, topic, ranges)
        return [(m.key(), m.value(), dict(m.headers() or [])) for messages in read for m in messages]

    def replay(self, *, dry_run: bool = False, corrected: Path | None = None, **selection: str) -> ReplayReport:
        return replay(self.settings, Selection(**selection), dry_run, corrected)


def message(name: str) -> bytes:
    event = MessageAdded(
        event_id=f"{name}/{uuid4().hex}", timestamp=NOW, conversation_id=name, message_id=name, sequence=0,
        role="user", content="text",
    )  # fmt: skip
    return event.model_dump_json(exclude_none=True).encode()


def invoke(quarantine: Quarantine, *arguments: str) -> Result:
    """Run `helix quarantine`, told by the environment where the servers are."""
    settings = quarantine.settings
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    environment = {
        "HELIX_HOME": str(settings.home),
        "HELIX_LAKE_ROOT": settings.lake_root,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.address,
        "DATABASE_URL": settings.postgres.address,
        "COLUMNS": "400",
    }
    return CliRunner().invoke(app, ["quarantine", *arguments], env=environment)
