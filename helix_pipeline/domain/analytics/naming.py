"""Which table each name in a query means: one of those allowed, or a query of a WITH that is in scope there.

A name is looked up as ClickHouse does it: a query of a WITH is seen by those after it, by the query that the WITH is of
and by all within, but not by itself. Where a name would mean another table on the server, it is refused.
"""

from collections.abc import Set

from sqlglot import exp

from helix_pipeline.domain.analytics.refusal import RefusedQueryError


def resolve(tree: exp.Expr, database: str, tables: Set[str]) -> None:
    """Write every table as `database.table`, so that no other table can be meant. Changes the tree.

    Raises RefusedQueryError for a name that is neither an allowed table nor a query of a WITH in scope.
    """
    _check_names(tree, tables)
    for table in list(tree.find_all(exp.Table)):
        if table.db or table.name not in _known(table):
            _check_table(table, database, tables)
            table.set("db", exp.to_identifier(database, quoted=True))


def _check_names(tree: exp.Expr, tables: Set[str]) -> None:
    """Refuse names of WITH queries that could mean two things."""
    seen: set[str] = set()
    for one in tree.find_all(exp.CTE):
        if one.alias in tables or one.alias in seen:
            raise RefusedQueryError(f"the name {one.alias[:60]!r} of a WITH is taken: choose another one")
        seen.add(one.alias)


def _check_table(table: exp.Table, database: str, tables: Set[str]) -> None:
    if table.db not in ("", database):
        raise RefusedQueryError(f"the database {table.db[:60]!r} is not allowed: the tables are in {database!r}")
    if table.name not in tables:
        raise RefusedQueryError(f"the table {table.name[:60]!r} is not known: there are {', '.join(sorted(tables))}")


def _known(table: exp.Table) -> set[str]:
    """Return the names of the WITH queries that are in scope where a table is named."""
    found: set[str] = set()
    below: exp.Expr = table
    node = table.parent
    while node is not None:
        if isinstance(node, exp.With):
            found |= _names(node, below)
        elif (before := node.args.get("with_")) and before is not below:
            found |= _names(before, None)
        below, node = node, node.parent
    return found


def _names(before: exp.With, end: exp.Expr | None) -> set[str]:
    """Return the names of the queries of a WITH, up to one of them. A scalar one is a value and no table."""
    earlier = before.expressions if end is None else before.expressions[: end.index]
    return {one.alias for one in earlier if not one.args.get("scalar")}
