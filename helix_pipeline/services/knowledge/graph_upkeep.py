"""GraphUpkeep: refreshes the graph, archives what nobody named for long, and writes a snapshot.

The work is Neo4j's and this process's; Spark has its table and its run record alone.
"""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from helix_pipeline.contracts.job_tables.maintenance import GRAPH_UPKEEP
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import load
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.stores.graph_snapshot import newest
from helix_pipeline.stores.lake import open_lake

BY_SETTINGS = -1


def run(job: JobRun) -> Result:
    """Return `graph_upkeep`: what was derived, archived and kept. The lake is the one of the run.

    Raises StoreError where Neo4j is away: a retry goes on where this run ended.
    """
    settings, days = load(), job.parameters["archive_after_days"]
    upkeep = Upkeep(settings, replace(open_lake(settings), root=job.output_root))
    refreshed, archived = upkeep.refresh(), upkeep.archive(None if days == BY_SETTINGS else days)
    snapshot = upkeep.snapshot()
    rows = {
        "refresh": refreshed.counts,
        "archive": {"entities": archived.entities, "relations": archived.relations},
        "snapshot": {**snapshot["rows"], "bytes": sum(snapshot["bytes"].values())},
    }
    table = [{"part": part, "figure": name, "value": n} for part, found in rows.items() for name, n in found.items()]
    latest = newest(upkeep.lake)
    return Result(
        {GRAPH_UPKEEP.name: pa.Table.from_pylist(table, GRAPH_UPKEEP.schema)},
        rows_in=snapshot["rows"]["entities"] + archived.entities,
        metrics=_metrics(rows, snapshot, complete=latest is not None and latest.path == snapshot["path"]),
    )


def _metrics(rows: dict[str, dict[str, int]], snapshot: dict[str, Any], *, complete: bool) -> dict[str, float]:
    """Return the figures of a run; `snapshot_complete` is 1 where the newest complete snapshot is the one written."""
    sums = {f"{part}_{name}": float(n) for part, found in rows.items() for name, n in found.items()}
    return sums | {"snapshot_complete": float(complete), "snapshot_seconds": snapshot["seconds"]}
