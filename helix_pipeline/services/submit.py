"""The command line of the `spark-submit` entry points in jobs/."""

import argparse
import sys
from pathlib import Path

from helix_pipeline import settings as configuration
from helix_pipeline.errors import HelixError
from helix_pipeline.services.streaming import run
from helix_pipeline.spark.session import submitted_session
from helix_pipeline.telemetry import configure_logs, serve_metrics


def stream(name: str, doc: str | None, queries: tuple[str, ...] = ()) -> int:
    """Run the queries of a job file with the session that `spark-submit` configured; return the exit code."""
    parser = argparse.ArgumentParser(prog=name, description=doc)
    parser.add_argument("--config", type=Path, help="settings file, e.g. configs/production.yaml")
    parser.add_argument("--until-caught-up", action="store_true", help="end when the stores hold all of Kafka")
    arguments = parser.parse_args()
    configure_logs()
    try:
        settings = configuration.load(arguments.config)
        serve_metrics(settings.streams.metrics_port)
        run(submitted_session(name, settings), settings, queries, arguments.until_caught_up)
    except HelixError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0
