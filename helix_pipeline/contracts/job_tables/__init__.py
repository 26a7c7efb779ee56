"""The tables that batch jobs write: name, schema, partitions. One module per family; `JOB_TABLES` lists them all."""

from helix_pipeline.contracts.job_tables.providers import PROVIDER_PERFORMANCE
from helix_pipeline.contracts.job_tables.runs import JOB_RUNS
from helix_pipeline.contracts.job_tables.table import JobTable

JOB_TABLES: dict[str, JobTable] = {table.name: table for table in (PROVIDER_PERFORMANCE, JOB_RUNS)}

__all__ = ["JOB_RUNS", "JOB_TABLES", "JobTable"]
