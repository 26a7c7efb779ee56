"""`helix sql`: ask the lake with SQL, through Trino."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from helix_pipeline.errors import UsageError
from helix_pipeline.settings import load

if TYPE_CHECKING:
    from helix_pipeline.stores.sql import Answer

Statement = Annotated[str, typer.Argument(help='One statement, e.g. "SHOW TABLES"; `-` reads it from standard input.')]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="Print at most so many rows.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object: columns, types, rows, truncated.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")]
Config = Annotated[Path | None, typer.Option(help="YAML settings file.")]


def register(app: typer.Typer) -> None:
    """Add the command `sql`."""
    app.command("sql")(run)


def run(
    statement: Statement,
    limit: Limit = 1000,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    config: Config = None,
) -> None:
    """Run a SQL statement over the lake's tables (needs `helix up --with trino`)."""
    from helix_pipeline.stores import sql  # drivers that other commands need not load

    text = sys.stdin.read() if statement == "-" else statement
    if not text.strip():
        raise UsageError('the statement is empty; try: helix sql "SHOW TABLES"')
    settings = load(config)
    if settings.trino.url is None:  # in a Trino of the user's own, tables are registered by `helix up` alone
        sql.refresh_tables(settings)
    answer = sql.query(settings, text, limit)
    if as_json:
        _print_json(answer)
    elif as_csv:
        _print_csv(answer)
    else:
        _print_table(answer)
    if answer.truncated:
        typer.echo(f"helix: only the first {limit:,} rows are shown; --limit shows more", err=True)


def _print_json(answer: "Answer") -> None:
    found = {"columns": answer.columns, "types": answer.types, "rows": answer.rows, "truncated": answer.truncated}
    typer.echo(json.dumps(found, default=str, ensure_ascii=False))


def _print_csv(answer: "Answer") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)


def _print_table(answer: "Answer") -> None:
    table = Table(*(escape(column) for column in answer.columns))
    for row in answer.rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    Console().print(table)
    typer.echo(f"{len(answer.rows):,} rows", err=True)
