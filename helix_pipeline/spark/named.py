"""The mentions of the lake as RelationshipMining reads them: usable ones, aliases as one entity."""

from functools import reduce
from operator import and_

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.domain.entities.types import DATE, NO_NODES, NUMBER
from helix_pipeline.spark.job_run import ALL_TIME, JobRun

NEEDED = (
    *("entity_id", "entity_name", "entity_type", "start", "end", "surface", "confidence"),
    *("conversation_id", "message_id", "sequence", "timestamp"),
)
"""What a mention must have to take part."""

ALIASES, SUBTYPE = "entity_aliases", "entity_subtype"


def usable() -> Column:
    """Tell whether a mention has what it must have."""
    return reduce(and_, (F.col(name).isNotNull() for name in NEEDED))


def in_graph() -> Column:
    """Tell whether a mention is of a kind that is a node: `domain.entities.types.in_graph` as a column."""
    return ~F.col("entity_type").isin(DATE, NUMBER) & ~F.col(SUBTYPE).isin(*NO_NODES)


def named(job: JobRun, table: DataFrame) -> DataFrame:
    """Return the usable mentions of a frame of `ENTITIES`, each under the id that `entity_aliases` lead to.

    Those of the run's period count, and else those of all time; a lake may have none. `own` says that an id is the
    mention's own.
    """
    subtype = F.coalesce(F.col(SUBTYPE), F.lit("")) if SUBTYPE in table.columns else F.lit("")
    mentions = table.where(usable()).select(*NEEDED, subtype.alias(SUBTYPE))
    path = f"{job.input_root}/{ALIASES}"
    if not DeltaTable.isDeltaTable(job.spark, path):
        return mentions.withColumn("own", F.lit(True))
    aliases = job.spark.read.format("delta").load(path).where(F.col("period").isin(job.period, ALL_TIME))
    nearest = F.max_by("into_id", F.col("period") == job.period).alias("into_id")
    into = F.broadcast(aliases.groupBy("entity_id").agg(nearest))
    renamed = F.coalesce(F.col("into_id"), F.col("entity_id"))
    return mentions.join(into, "entity_id", "left").select(
        renamed.alias("entity_id"),
        *(name for name in (*NEEDED, SUBTYPE) if name != "entity_id"),
        F.col("into_id").isNull().alias("own"),
    )
