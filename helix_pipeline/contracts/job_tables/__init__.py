"""The tables that batch jobs write: name, schema, partitions. One module per family; `JOB_TABLES` lists them all."""

from helix_pipeline.contracts.job_tables.contexts import COMPRESSED_CONTEXTS
from helix_pipeline.contracts.job_tables.debates import DEBATE_ANALYSIS, DEBATE_POSITIONS, DEBATE_PREDICTOR
from helix_pipeline.contracts.job_tables.entities import ENTITIES, ENTITY_ALIASES
from helix_pipeline.contracts.job_tables.maintenance import GRAPH_UPKEEP, LAKE_FILES
from helix_pipeline.contracts.job_tables.providers import MODEL_RATINGS, PROVIDER_PERFORMANCE
from helix_pipeline.contracts.job_tables.relationships import (
    COMMUNITIES,
    RELATION_INTERVALS,
    RELATION_STATEMENTS,
    RELATIONSHIPS,
)
from helix_pipeline.contracts.job_tables.runs import JOB_RUNS
from helix_pipeline.contracts.job_tables.table import JobTable
from helix_pipeline.contracts.job_tables.topics import DOCUMENT_TOPICS, TOPICS

JOB_TABLES: dict[str, JobTable] = {
    table.name: table
    for table in (
        ENTITIES,
        ENTITY_ALIASES,
        RELATIONSHIPS,
        COMMUNITIES,
        RELATION_STATEMENTS,
        RELATION_INTERVALS,
        TOPICS,
        DOCUMENT_TOPICS,
        PROVIDER_PERFORMANCE,
        MODEL_RATINGS,
        DEBATE_ANALYSIS,
        DEBATE_POSITIONS,
        DEBATE_PREDICTOR,
        COMPRESSED_CONTEXTS,
        LAKE_FILES,
        GRAPH_UPKEEP,
        JOB_RUNS,
    )
}

__all__ = ["JOB_RUNS", "JOB_TABLES", "JobTable"]
