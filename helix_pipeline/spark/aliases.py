"""Which entities of the lake are one under several names: what the search for merges reads, gathered by Spark."""

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.job_tables.entities import ENTITY_ALIASES
from helix_pipeline.domain.entities.resolution.display import displayed
from helix_pipeline.domain.entities.resolution.merging import merges
from helix_pipeline.domain.entities.resolution.named import MAX_SURFACES, NAMES
from helix_pipeline.domain.entities.types import PERSON
from helix_pipeline.spark.named import in_graph

_BRACKET = 2
"""Code points between a name and its acronym: a space and a bracket."""


def aliases(mentions: DataFrame) -> pa.Table:
    """Return the `ENTITY_ALIASES` of a frame of `ENTITIES`; the driver holds its distinct entities."""
    of_graph = mentions.where(in_graph())
    found = names(of_graph)
    links = merges(found, _pairs(stated(of_graph)), frozenset(_pairs(together(of_graph))))
    called = dict(zip(found["entity_id"].to_pylist(), found["name"].to_pylist(), strict=True))
    for place, (name, id) in enumerate((("name", "entity_id"), ("into_name", "into_id"))):
        links = links.add_column(2 + place, name, pa.array([called[one] for one in links[id].to_pylist()], pa.string()))
    return links.cast(ENTITY_ALIASES.schema)


def names(mentions: DataFrame) -> pa.Table:
    """Return the distinct entities of a frame of `ENTITIES` as `NAMES`."""
    surfaces = F.slice(F.array_sort(F.collect_set("surface")), 1, MAX_SURFACES)
    counted = mentions.groupBy("entity_id").agg(
        *labels("name", "type", "subtype"), F.count("*").alias("mentions"), surfaces.alias("surfaces")
    )
    found = counted.toArrow()
    return with_displayed(found, "name").select(NAMES.names).cast(NAMES)


def labels(name: str, type: str, subtype: str) -> tuple[Column, Column, Column]:
    """Return what an entity is called, as all of its names, and the smallest of its types and its sub-types."""
    some = F.min(F.when(F.col("entity_subtype") != "", F.col("entity_subtype")))
    return (
        F.collect_set("entity_name").alias(name),
        F.min("entity_type").alias(type),
        F.coalesce(some, F.lit("")).alias(subtype),
    )


def with_displayed(found: pa.Table, column: str) -> pa.Table:
    """Return the table with the one name to show instead of all of an entity's in a column."""
    shown = pa.array([displayed(names) for names in found[column].to_pylist()], pa.string())
    return found.set_column(found.schema.get_field_index(column), column, shown)


def stated(mentions: DataFrame) -> DataFrame:
    """Return the pairs of ids of which the first stands right behind the second, as in `machine learning (ML)`."""
    before = Window.partitionBy("conversation_id", "message_id").orderBy("start")
    found = mentions.withColumns(
        {"full": F.lag("entity_id").over(before), "space": F.col("start") - F.lag("end").over(before)}
    )
    behind = found.where((F.col("space") == _BRACKET) & (F.col("surface") == F.upper("surface")))
    return behind.select("entity_id", "full").distinct()


def together(mentions: DataFrame) -> DataFrame:
    """Return the pairs of ids of persons with a word of their names in common that one conversation names."""
    words = F.explode(F.split(F.lower("entity_name"), r"[\s-]+")).alias("word")
    persons = mentions.where(F.col("entity_type") == PERSON).select("conversation_id", "entity_id", words).distinct()
    others = persons.select("conversation_id", F.col("entity_id").alias("other_id"), "word")
    pairs = persons.join(others, ["conversation_id", "word"]).where("entity_id < other_id")
    return pairs.select("entity_id", "other_id").distinct()


def _pairs(found: DataFrame) -> list[tuple[str, str]]:
    read = found.toArrow()
    return list(zip(read.column(0).to_pylist(), read.column(1).to_pylist(), strict=True))
