"""The check of a free query: what comes in is read into a syntax tree, and only what the lists allow goes on.

The query that is sent is written anew from the checked tree, every name quoted: comments, what two parsers might read
differently, and everything that has no node of its own are gone by then. It is checked as well, and must be read as the
same query again.
"""

import re
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from helix_pipeline.domain.analytics.dialect import Analyst
from helix_pipeline.domain.analytics.forms import UNITS
from helix_pipeline.domain.analytics.grammar import check_node
from helix_pipeline.domain.analytics.naming import resolve
from helix_pipeline.domain.analytics.refusal import RefusedQueryError
from helix_pipeline.domain.analytics.size import check_growth, check_shape, check_text, check_tokens

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000
"""Rows of an answer."""

_WITH_UNIT = re.compile(r"(date|timestamp)_?(add|sub|diff)", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[\d*m")


_UNREADABLE = (SqlglotError, ValueError, LookupError, AttributeError, TypeError)
"""What sqlglot raises for a text that is no SQL: besides its own errors what its parser runs into, as for `{:}`."""


@dataclass(frozen=True)
class CheckedQuery:
    """A query that may be sent: one row more than `limit` tells that there are more. `parameters`: name -> type."""

    sql: str
    limit: int
    parameters: Mapping[str, str]


def checked(sql: str, database: str, tables: Set[str], limit: int = DEFAULT_LIMIT) -> CheckedQuery:
    """Return what may be sent to the warehouse instead of a query: one SELECT over `tables` of `database`.

    `limit` bounds the rows, 1 to MAX_LIMIT; a LIMIT of the query's own that is lower holds.
    Raises RefusedQueryError for all that is not allowed.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise RefusedQueryError(f"the limit {limit:,} is not allowed: 1 to {MAX_LIMIT:,} rows")
    check_text(sql)
    try:
        found = _rewritten(sql, database, tables, limit)
        again = _rewritten(found.sql, database, tables, limit)
    except RecursionError:
        raise RefusedQueryError("the query is nested too deep: ask in parts") from None
    if again != found:  # what is sent is held to the same rules as what came in, and must mean the same
        raise RefusedQueryError(
            f"the query can be read in two ways: write parentheses; it was read as {found.sql[:200]}"
        )
    return found


def _rewritten(sql: str, database: str, tables: Set[str], limit: int) -> CheckedQuery:
    tree = _parsed(sql)
    check_shape(tree)
    _write_units(tree)
    for node in tree.walk():
        check_node(node)
    resolve(tree, database, tables)
    check_growth(tree)
    parameters = _parameters(tree)
    written = _limited(tree, limit).sql(dialect=Analyst, comments=False, identify=True)
    return CheckedQuery(written, limit, parameters)


def bound(query: CheckedQuery, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for a query's parameters. Raises RefusedQueryError where one is missing or too many."""
    for name in sorted(query.parameters.keys() - values.keys()):
        raise RefusedQueryError(f"the parameter {name!r} ({query.parameters[name]}) has no value: give it in params")
    for name in sorted(values.keys() - query.parameters.keys()):
        raise RefusedQueryError(f"the query has no parameter {name[:60]!r}: write {{name:Type}} where it belongs")
    return dict(values)


def _parsed(sql: str) -> exp.Expr:
    try:
        found = Analyst().parser().parse(_tokens(sql), sql)
    except _UNREADABLE as error:
        said = " ".join(_ANSI.sub("", str(error)).split())[:200]
        raise RefusedQueryError(f"the query cannot be read: {said}") from None
    tree = found[0].unnest() if found[0] else None
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise RefusedQueryError(f"{sql[:60]!r} is not a SELECT: write one SELECT")
    return tree


def _tokens(sql: str) -> list[Token]:
    """Return the tokens of one statement that begins as a SELECT does, without a semicolon at its end."""
    found = Analyst().tokenize(sql)
    while found and found[-1].token_type is TokenType.SEMICOLON:
        found.pop()
    kinds = Counter(one.token_type for one in found)
    if kinds[TokenType.SEMICOLON]:
        raise RefusedQueryError("there is more than one statement: write one SELECT")
    if kinds[TokenType.PIPE_GT]:
        raise RefusedQueryError("'|>' is not allowed: write one SELECT")
    first = next((one for one in found if one.token_type is not TokenType.L_PAREN), None)
    check_tokens(len(found), kinds[TokenType.L_BRACKET])
    if first is None or first.token_type not in (TokenType.SELECT, TokenType.WITH):
        raise RefusedQueryError(f"{first.text[:60] if first else ''!r} does not begin a SELECT: write one SELECT")
    return found


def _write_units(tree: exp.Expr) -> None:
    """Take `DAY` in `dateAdd(DAY, 1, a)` as the unit that it is; as a name it would be quoted."""
    for call in tree.find_all(exp.Anonymous):
        if isinstance(call.this, str) and _WITH_UNIT.fullmatch(call.this) and call.expressions:
            first = call.expressions[0]
            if isinstance(first, exp.Column) and not first.table and first.name.upper() in UNITS:
                first.replace(exp.var(first.name.upper()))


def _limited(tree: exp.Expr, limit: int) -> exp.Expr:
    """Return the query with a LIMIT of its own at the outermost: one more than `limit`, or its own lower one.

    A query whose last part is not its own (UNION), or whose LIMIT does not bound the rows, is put into another one.
    """
    own: Any = tree.args.get("limit")
    if not isinstance(tree, exp.Select) or (own and (own.args.get("limit_options") or own.expressions)):
        whole = exp.From(this=exp.Subquery(this=tree))
        return exp.Select(expressions=[exp.Star()], from_=whole, limit=_limit(limit + 1))
    tree.set("limit", _limit(min(int(own.expression.this), limit + 1) if own else limit + 1))
    return tree


def _limit(rows: int) -> exp.Limit:
    return exp.Limit(expression=exp.Literal.number(rows))


def _parameters(tree: exp.Expr) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in tree.find_all(exp.Placeholder):
        kind = one.args["kind"].sql(dialect=Analyst)
        if found.setdefault(one.name, kind) != kind:
            raise RefusedQueryError(f"the parameter {one.name!r} has two types: {found[one.name]} and {kind}")
    return found
