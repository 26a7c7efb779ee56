"""`helix airflow`: Airflow's own command line, with the settings, secrets and database of the local Airflow."""

import os
import subprocess
import sys

import typer

from helix_pipeline.errors import ServerError
from helix_pipeline.local.airflow import AirflowServer
from helix_pipeline.settings import load

_ALL_TO_AIRFLOW = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the command `airflow`."""
    app.command("airflow", context_settings=_ALL_TO_AIRFLOW, add_help_option=False)(airflow)


def airflow(context: typer.Context) -> None:
    """Run a command of Airflow on the local server, such as `helix airflow backfill create --help`."""
    server = AirflowServer(load())
    if server.external:
        raise ServerError(f"airflow at {server.address} is your own: run its `airflow` command there")
    command = [sys.executable, "-m", "airflow", *context.args]
    raise typer.Exit(subprocess.run(command, env={**os.environ, **server.environment()}, check=False).returncode)
