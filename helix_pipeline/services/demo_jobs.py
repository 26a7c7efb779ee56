"""The demo's second half: every batch job over the lake that the streams filled, and what each of them found."""

from collections.abc import Callable
from typing import Any

import duckdb
from pyspark.sql import SparkSession

from helix_pipeline.catalog import JOBS, Job
from helix_pipeline.services.batch import execute
from helix_pipeline.settings import Settings
from helix_pipeline.spark.job_run import ALL_TIME, JobRun
from helix_pipeline.stores.lake import open_lake, open_table

_FOUND: dict[str, str] = {
    "EntityExtraction": """
        SELECT min(entity_name) || ' ' || count(*) FROM entities
        WHERE entity_type NOT IN ('DATE', 'NUMBER')
            AND entity_subtype NOT IN ('data structure', 'data type', 'interface element')
        GROUP BY entity_id ORDER BY count(*) DESC, entity_id LIMIT 5""",
    "RelationshipMining": """
        SELECT a_name || ' + ' || b_name || ' ' || round(npmi, 2) FROM relationships
        ORDER BY npmi DESC, a_id, b_id LIMIT 5""",
    "TopicModeling": """
        SELECT label || ' ' || round(100 * share)::int || ' %' FROM topics
        ORDER BY documents DESC, topic LIMIT 4""",
    "ProviderPerformance": """
        SELECT model || ' rated ' || round(rating)::int || coalesce(' (won ' || round(100 * win_rate)::int || ' %)', '')
        FROM model_ratings WHERE position IS NULL AND rating IS NOT NULL ORDER BY rating DESC, model LIMIT 3""",
    "DebateAnalysis": """
        SELECT 'best ' || position || ': ' || model || ' (won ' || wins || ' of ' || debates || ')'
        FROM debate_positions WHERE best ORDER BY position LIMIT 4""",
    "ContextCompression": """
        SELECT count(DISTINCT conversation_id) || ' long conversations, to '
        || round(100 * sum(compressed_tokens) / sum(original_tokens))::int || ' % of ' || sum(original_tokens)
        || ' tokens' FROM compressed_contexts HAVING count(*) > 0""",
    "LakeMaintenance": """
        SELECT sum(files_before) || ' files are now ' || sum(files_after) || ', ' || sum(rows_after) || ' rows'
        FROM lake_files""",
    "GraphUpkeep": """
        SELECT replace(figure, '_', ' ') || ' ' || value FROM graph_upkeep WHERE part <> 'archive' AND value > 0
        ORDER BY part DESC, value DESC, figure LIMIT 8""",
}
"""Job type -> what is told of its tables: a column of text, over the rows of the period of all days."""


def run_jobs(settings: Settings, spark: SparkSession, tell: Callable[[Job], None]) -> list[dict[str, Any]]:
    """Run every job of the catalogue with its defaults over the whole lake; return their run records in order.

    Each record also has `found`, some lines of text from the job's tables. `tell` hears of each job before it runs.
    Raises what a job raises.
    """
    root, records = settings.lake_root, []
    for job in JOBS:
        tell(job)
        record = execute(job, JobRun(spark, root, root, None, job.defaults))
        records.append({**record, "found": findings(settings, job)})
    return records


def findings(settings: Settings, job: Job) -> list[str]:
    """Return what a job's tables say, in a few lines; none where they say nothing."""
    place = open_lake(settings)
    with duckdb.connect() as connection:
        for name in job.writes:
            rows = open_table(place, name).to_pyarrow_dataset()
            connection.register(f"{name}_rows", rows)
            whole = f" WHERE period = '{ALL_TIME}'" if "period" in rows.schema.names else ""
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {name}_rows{whole}")  # noqa: S608 - the catalogue's
        return [line for (line,) in connection.execute(_FOUND[job.type]).fetchall() if line]
