"""`helix api`: serve the HTTP API until INT or TERM."""

from pathlib import Path
from typing import Annotated

import typer

from helix_pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Add the command `api`."""
    app.command("api")(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; other than loopback has no access control.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    config: Annotated[Path | None, typer.Option(help="YAML settings file.")] = None,
) -> None:
    """Serve the HTTP API: batch jobs and the archive; /docs describes it. Jobs go on when it stops."""
    from helix_pipeline.api.server import run  # FastAPI, Arrow and drivers that other commands need not load

    run(load(config, flags={"api.host": host, "api.port": port}))
