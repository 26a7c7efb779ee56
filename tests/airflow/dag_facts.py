"""Run with Airflow's environment: prints what the DAG files hold, and how long each took to import, as JSON."""

import json
import os
import runpy
import sys
import time
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

HEAVY = ("pyspark", "deltalake", "pyarrow", "pandas", "sklearn", "scipy")
IMPORTED = (DagBag, SparkSubmitOperator, PythonOperator, DAG)
"""What every DAG may take for granted: Airflow itself."""


def task(one):
    limit = one.execution_timeout.total_seconds() if one.execution_timeout else None
    backoff, upstream = one.retry_exponential_backoff, sorted(one.upstream_task_ids)
    told = bool(one.on_failure_callback)
    outlets = [asset.name for asset in one.outlets]
    return {
        "owner": one.owner,
        "retries": one.retries,
        "backoff": backoff,
        "timeout_s": limit,
        "upstream": upstream,
        "alerts": told,
        "outlets": outlets,
        "pool": one.pool,
    }


def facts(dag):
    return {
        "file": dag.relative_fileloc,
        "tags": sorted(dag.tags),
        "doc_md": dag.doc_md,
        "schedule": dag.timetable.__class__.__name__,
        "start": dag.start_date.isoformat(),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "timeout_s": dag.dagrun_timeout.total_seconds() if dag.dagrun_timeout else None,
        "tasks": {one.task_id: task(one) for one in dag.tasks},
        "params": sorted(dag.params),
    }


def cpu_seconds(path):
    started = time.process_time()
    runpy.run_path(str(path))
    return time.process_time() - started


seconds = {path.stem: cpu_seconds(path) for path in sorted(Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).glob("*.py"))}
bag = DagBag()
found = {"errors": bag.import_errors, "dags": {name: facts(dag) for name, dag in bag.dags.items()}}
print(json.dumps({**found, "seconds": seconds, "heavy": [name for name in HEAVY if name in sys.modules]}))  # noqa: T201
