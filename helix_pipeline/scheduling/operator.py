"""A job of the catalogue as a task: `spark-submit` of its script, and no retry of what a retry cannot mend."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from helix_pipeline.catalog import Job, find
from helix_pipeline.errors import UsageError

PROJECT = Path(__file__).parents[2]
LOG_CONFIGURATION = PROJECT / "helix_pipeline" / "spark" / "log4j2.properties"
POOL = "spark"

_FINAL = {"2": "wrong usage", "3": "refused by a data-quality check"}
"""Exit codes of a job that it would end with again."""


class SparkJobOperator(SparkSubmitOperator):
    """Submits a job with `spark-conf/spark-defaults.conf` of this checkout.

    `options` is a JSON object of the job's own parameters; `day` is YYYY-MM-DD, or "" for all days.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "job", "source", "target", "day", "options")

    def __init__(
        self,
        *,
        job: str,
        source: str,
        target: str,
        day: str = "",
        options: str = "{}",
        timeout_minutes: int,
        **kwargs: Any,
    ) -> None:
        paths = {
            "spark.jars": ",".join(str(PROJECT / "spark-conf" / name / "*.jar") for name in ("jars", "jars-s3")),
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{LOG_CONFIGURATION}",
            "spark.pyspark.python": sys.executable,
            "spark.pyspark.driver.python": sys.executable,
        }
        super().__init__(
            conf=paths,
            properties_file=str(PROJECT / "spark-conf" / "spark-defaults.conf"),
            pool=POOL,
            execution_timeout=timedelta(minutes=timeout_minutes),
            **kwargs,
        )
        self.job, self.source, self.target, self.day, self.options = job, source, target, day, options

    def execute(self, context: Any) -> None:
        """Submit the job under the DAG run's id.

        Raises AirflowFailException, which is not retried, with the job's own words where it ended with 2 or 3.
        """
        try:
            job = find(self.job)
            self.name, self.application = job.name, str(PROJECT / job.script)
            self.application_args = [*self._arguments(context["run_id"]), *_flags(job, json.loads(self.options))]
        except (UsageError, ValueError) as error:
            raise AirflowFailException(str(error)) from None
        try:
            super().execute(context)
        except AirflowException as error:
            raise _final(job, str(error)) or error from None

    def _arguments(self, run_id: str) -> list[str]:
        day = ["--date", self.day] if self.day else []
        return ["--input", self.source, "--output", self.target, *day, "--run-id", run_id]


def _flags(job: Job, options: dict[str, Any]) -> list[str]:
    known = {parameter.name: f"--{parameter.name.replace('_', '-')}" for parameter in job.parameters}
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise UsageError(f"{job.type} has no parameter {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    return [part for name, value in options.items() for part in (known[name], str(value))]


def _final(job: Job, message: str) -> AirflowFailException | None:
    """Return the failure that ends the retries, if the message of the operator tells of one."""
    code = re.search(r"Error code is: (\d+)", message)
    if code is None or code[1] not in _FINAL:
        return None
    said = re.findall(rf"^(?:.*\s)?{job.name}: (.+)$", message, re.MULTILINE)
    return AirflowFailException(f"{job.type}: {_FINAL[code[1]]}: {said[-1] if said else 'see the log above'}")
