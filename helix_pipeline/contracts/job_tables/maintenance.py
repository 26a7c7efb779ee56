"""Schemas of what LakeMaintenance and GraphUpkeep write."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import JobTable

LAKE_FILES = JobTable(
    "lake_files",
    pa.schema(
        [
            pa.field("table", pa.string()),
            pa.field("path", pa.string()),
            pa.field("version", pa.int64()),
            pa.field("partitions", pa.int64()),
            pa.field("rows_before", pa.int64()),
            pa.field("rows_after", pa.int64()),
            pa.field("rows_deleted", pa.int64()),
            pa.field("files_before", pa.int64()),
            pa.field("files_after", pa.int64()),
            pa.field("bytes_before", pa.int64()),
            pa.field("bytes_after", pa.int64()),
            pa.field("partition_files_before", pa.int64()),
            pa.field("partition_files_after", pa.int64()),
            pa.field("partitions_compacted", pa.int64()),
            pa.field("files_vacuumed", pa.int64()),
            pa.field("log_files_before", pa.int64()),
            pa.field("log_files_after", pa.int64()),
            pa.field("log_bytes_after", pa.int64()),
            pa.field("seconds", pa.float64()),
        ]
    ),
)
"""A Delta table before and after its maintenance. `files` are live data files, `partition_files` those of the partition
that has the most; `files_vacuumed` were dead and are deleted; `log_files` lie in its `_delta_log`."""

GRAPH_UPKEEP = JobTable(
    "graph_upkeep",
    pa.schema(
        [
            pa.field("part", pa.string()),
            pa.field("figure", pa.string()),
            pa.field("value", pa.int64()),
        ]
    ),
)
"""What a run did to the graph: `part` is refresh, archive or snapshot, and each of its figures a row."""
