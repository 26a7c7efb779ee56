"""Schema of the record that every run of a job leaves."""

import pyarrow as pa

from helix_pipeline.contracts.job_tables.table import JobTable
from helix_pipeline.contracts.rows import TIMESTAMP

JOB_RUNS = JobTable(
    "job_runs",
    pa.schema(
        [
            pa.field("run_id", pa.string()),
            pa.field("job", pa.string()),
            pa.field("status", pa.string()),
            pa.field("started_at", TIMESTAMP),
            pa.field("seconds", pa.float64()),
            pa.field("rows_in", pa.int64()),
            pa.field("rows_out", pa.int64()),
            pa.field("rejected", pa.int64()),
            pa.field("metrics", pa.string()),
            pa.field("reason", pa.string()),
        ]
    ),
)
"""One row for each run that came to an end: `status` is `succeeded`, or `refused` where a check held the result
back, with the `reason`. `metrics` is a JSON object of the job's own figures."""
