"""What the tasks beside the jobs do: checks before and after a job, the watch over the streams, alerts of failures.

Everything but Airflow is imported when a task runs: the scheduler reads the DAGs often, and should do so in no time.
"""

import time
from datetime import date
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from helix_pipeline.catalog import find
from helix_pipeline.errors import QualityError
from helix_pipeline.settings import load


def before(job: str, day: str) -> dict[str, int]:
    """Check what a job reads. Skips where there is nothing to do; fails for good where the data are not fit for it."""
    from helix_pipeline.services.quality import check_input

    try:
        rows = check_input(load(), find(job), _date(day))
    except QualityError as error:
        raise AirflowFailException(str(error)) from None
    if not any(rows.values()):
        raise AirflowSkipException(f"{job}: no rows in {', '.join(rows)} {f'of {day}' if day else 'yet'}")
    return rows


def after(job: str, day: str, run_id: str, task: Any, outlet_events: Any) -> dict[str, Any]:
    """Check the record of a job's run, and tell with the updates of its tables what it says; else fail for good."""
    from helix_pipeline.services.quality import check_output

    try:
        record = check_output(load(), find(job), run_id, _date(day))
    except QualityError as error:
        raise AirflowFailException(str(error)) from None
    figures = {name: record[name] for name in ("rows_in", "rows_out", "rejected", "seconds", "metrics")}
    for asset in task.outlets:
        outlet_events[asset].extra = {"run_id": run_id, "day": day or None, "rows_out": record["rows_out"]}
    return figures


def watch() -> None:
    """Fail while a stream is down, silent or behind."""
    from helix_pipeline.services.alerts import stream_problems

    problems = stream_problems(load(), time.time())
    if problems:
        raise AirflowFailException("; ".join(problems))


def alert(context: Any) -> None:
    """Tell that a task failed for good (Airflow's `on_failure_callback`)."""
    from helix_pipeline.services.alerts import tell

    said = context.get("exception") or "it ended without a word of its own, see its log and the scheduler's"
    tell(load(), _source(context), " ".join(str(said).split())[:500], getattr(context["ti"], "log_url", ""))


def all_clear(context: Any) -> None:
    """Forget the alert of a task that is well again (Airflow's `on_success_callback`)."""
    from helix_pipeline.services.alerts import clear

    clear(load(), _source(context))


def _source(context: Any) -> str:
    return f"{context['ti'].dag_id}.{context['ti'].task_id}"


def _date(day: str) -> date | None:
    return date.fromisoformat(day) if day else None
