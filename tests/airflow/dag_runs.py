"""Run with Airflow's environment: `dag.test()` of each run in a JSON list of {dag, conf, date}; prints the outcome."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

from airflow.dag_processing.dagbag import DagBag

subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=sys.stderr, timeout=300)


def outcome(instance):
    return {"state": instance.state, "value": instance.xcom_pull(task_ids=instance.task_id)}


def run(bag, wanted):
    os.environ |= wanted.get("environment", {})
    options = {"run_conf": wanted.get("conf")}
    if "date" in wanted:
        options["logical_date"] = datetime.fromisoformat(wanted["date"]).replace(hour=0, minute=30, tzinfo=UTC)
    result = bag.dags[wanted["dag"]].test(**options)
    tasks = {instance.task_id: outcome(instance) for instance in result.get_task_instances()}
    return {"state": result.state, "run_id": result.run_id, "tasks": tasks}


results = [run(DagBag(), wanted) for wanted in json.loads(sys.argv[1])]
print(json.dumps(results, default=str))  # noqa: T201
