"""What a finished job left in the lake: its run record, its tables and the first rows of each, read with delta-rs."""

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from helix_pipeline.catalog import find
from helix_pipeline.contracts.job_tables import JOB_TABLES
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import StoredJob
from helix_pipeline.stores.lake import Lake, open_lake

MAX_ROWS = 100
MAX_TEXT = 2_000
"""Texts in the rows are cut to this many characters, so that an answer stays small."""


def result(settings: Settings, job: StoredJob, rows: int) -> dict[str, Any]:
    """Return record, tables and first rows of a job that succeeded. Raises StoreError where the lake is away."""
    record = dict(job.record or {})
    options = open_lake(settings).storage_options
    lake = Lake(_root(job), options if _root(job).startswith("s3a:") else {})
    tables = [_table(lake, name, record.get("period"), min(rows, MAX_ROWS)) for name in find(job.job_type).writes]
    return {"job_id": job.id, "record": record, "tables": [table for table in tables if table]}


def _root(job: StoredJob) -> str:
    """Return where the tables are: above a table that was named as the output."""
    path = str(job.request["output"])
    above, _, last = path.rpartition("/")
    return above if last in JOB_TABLES else path


def _table(lake: Lake, name: str, period: str | None, rows: int) -> dict[str, Any] | None:
    try:
        table = DeltaTable(lake.uri(name), storage_options=lake.storage_options)
        dataset = table.to_pyarrow_dataset()
        part = ds.field("period") == period if "period" in dataset.schema.names else None
        found = dataset.head(rows, filter=part, batch_size=max(rows, 1), batch_readahead=1, fragment_readahead=1)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise StoreError(f"cannot read {lake.uri(name)}: {' '.join(str(error).split())[:300]}") from None
    return {"name": name, "path": lake.spark_uri(name), "version": table.version(), "rows": _plain_rows(found)}


def _plain_rows(found: pa.Table) -> list[dict[str, Any]]:
    return [_plain(row) for row in found.to_pylist()]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | None) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()[:MAX_TEXT]
    return value.isoformat() if isinstance(value, datetime | date) else str(value)[:MAX_TEXT]
