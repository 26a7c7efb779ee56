"""The warehouse's tables have the columns and types of the events that they hold; data leave them by month."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pytest

from helix_pipeline.contracts import figures
from helix_pipeline.contracts.events import Event, MessageAdded, ProviderCalled
from helix_pipeline.contracts.rows import SOURCE_FIELDS
from helix_pipeline.services.analytics.query import TABLES
from helix_pipeline.settings import load
from helix_pipeline.stores.warehouse import SOURCES
from helix_pipeline.stores.warehouse_migrations import migrations

CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)\s*\(\n(.*?)\n\)\n(.*?);", re.DOTALL)
COLUMN = re.compile(r"\s*(\w+) (.+?)(?: CODEC\(.*\))?,?")
TYPES = {
    pa.string(): "String",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.float64(): "Float64",
    pa.bool_(): "Bool",
    pa.timestamp("us", tz="UTC"): "DateTime64(6, 'UTC')",
    pa.list_(pa.string()): "Array(String)",
}
ONLY: dict[str, type[Event]] = {"conversation_messages": MessageAdded, "provider_metrics": ProviderCalled}
"""Tables that hold one event type alone."""


@dataclass(frozen=True)
class Created:
    """What a CREATE TABLE statement says: name -> type, and the clauses after the columns."""

    columns: dict[str, str]
    clauses: str


INTERNAL = {"stream_progress"}
"""What the platform notes for itself: not for free queries."""


def created() -> dict[str, Created]:
    found = {}
    statements = (text for one in migrations(load(environ={})) for text in one.statements)
    for name, body, clauses in (match for text in statements for match in CREATE.findall(f"{text};")):
        matches = [COLUMN.fullmatch(line) for line in body.splitlines()]
        assert all(matches), f"{name}: a column cannot be read"
        found[name] = Created({match[1]: match[2] for match in matches if match}, clauses)
    return found


def parsed(declared: str) -> tuple[str, bool]:
    """The plain type, and whether it takes nulls."""
    bare = re.sub(r"^LowCardinality\((.*)\)$", r"\1", declared)
    return re.sub(r"^Nullable\((.*)\)$", r"\1", bare), bare.startswith("Nullable(")


def expected_fields(table: str) -> list[pa.Field]:
    """The fields of the rows that the stream inserts into a table."""
    event = ONLY.get(table)
    source = {field.name for field in SOURCE_FIELDS}
    schema = SOURCES[table].schema
    return [field for field in schema if event is None or field.name in source or field.name in event.model_fields]


def takes_nulls(table: str, field: pa.Field) -> bool:
    """Whether a column must be Nullable. ClickHouse has no nullable arrays."""
    if pa.types.is_list(field.type):
        return False
    event = ONLY.get(table)
    if event is None or field.name not in event.model_fields:
        return bool(field.nullable)
    info = event.model_fields[field.name]
    return not info.is_required() and info.default is None


def test_each_source_has_a_table():
    assert created().keys() >= SOURCES.keys()


@pytest.mark.parametrize("table", SOURCES)
def test_columns_and_types_are_those_of_the_events(table):
    written = {name: parsed(declared)[0] for name, declared in created()[table].columns.items()}
    assert written == {field.name: TYPES[field.type] for field in expected_fields(table)}


@pytest.mark.parametrize("table", SOURCES)
def test_columns_stand_in_the_order_of_the_rows(table):
    assert list(created()[table].columns) == [field.name for field in expected_fields(table)]


@pytest.mark.parametrize("table", SOURCES)
def test_a_column_is_nullable_where_an_event_of_the_table_may_lack_it(table):
    written = {name: parsed(declared)[1] for name, declared in created()[table].columns.items()}
    assert written == {field.name: takes_nulls(table, field) for field in expected_fields(table)}


@pytest.mark.parametrize("table", SOURCES)
def test_data_are_kept_by_month_and_leave_by_the_time_they_came(table):
    clauses = created()[table].clauses
    assert re.search(r"^PARTITION BY toYYYYMM\(timestamp\)$", clauses, re.MULTILINE)
    assert re.search(r"^TTL toDateTime\(ingested_at\) \+ INTERVAL 90 DAY$", clauses, re.MULTILINE)


@pytest.mark.parametrize("table", SOURCES)
def test_replayed_blocks_are_recognized(table):
    assert re.search(r"non_replicated_deduplication_window = [1-9]\d{3,}", created()[table].clauses)


@pytest.mark.parametrize("table", figures.TABLES)
def test_figures_of_the_api_have_a_column_each(table):
    assert list(created()[table].columns) == figures.schema(table).names


def test_free_queries_may_read_every_table_but_the_internal_ones():
    statements = [text for one in migrations(load(environ={})) for text in one.statements]
    made = {
        name for text in statements for name in re.findall(r"^CREATE TABLE IF NOT EXISTS (\w+)", text, re.MULTILINE)
    }
    assert made - INTERNAL == TABLES
