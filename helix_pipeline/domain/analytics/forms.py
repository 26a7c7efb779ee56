"""What the parts of a free query may say: names, numbers, types, what stands after FROM, JOIN and IN.

`FORMS` has a check for each kind of node whose class alone does not tell that it is harmless.
"""

import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from helix_pipeline.domain.analytics.functions import is_allowed
from helix_pipeline.domain.analytics.refusal import RefusedQueryError

UNITS = frozenset({"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
"""Units of time, in INTERVAL, EXTRACT and as the first argument of functions such as `dateAdd`."""

_T = exp.DType
_TYPES = frozenset(
    {
        *(_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT, _T.INT128, _T.INT256),
        *(_T.UTINYINT, _T.USMALLINT, _T.UINT, _T.UBIGINT, _T.UINT128, _T.UINT256),
        *(_T.FLOAT, _T.DOUBLE, _T.DECIMAL, _T.DECIMAL32, _T.DECIMAL64, _T.DECIMAL128, _T.DECIMAL256),
        *(_T.BOOLEAN, _T.TEXT, _T.VARCHAR, _T.CHAR, _T.FIXEDSTRING, _T.UUID),
        *(_T.DATE, _T.DATE32, _T.DATETIME, _T.DATETIME64, _T.TIMESTAMP),
        *(_T.ARRAY, _T.STRUCT, _T.MAP, _T.LOWCARDINALITY),
    }
)
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_IN_NAMES = frozenset("`\"'\\{}")
_JOIN_KINDS = frozenset({"", "INNER", "OUTER", "CROSS", "SEMI", "ANTI", "ANY", "ALL", "ASOF"})
_JOIN_SIDES = frozenset({"LEFT", "RIGHT", "FULL"}) | _JOIN_KINDS
_FRAME = re.compile(r"ROWS|RANGE|UNBOUNDED|CURRENT ROW|PRECEDING|FOLLOWING")


def word(name: str) -> str:
    """Return how SQL would write the name of a node or of its part."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).strip().upper()


def shown(node: exp.Expr) -> str:
    """Return a node's kind and its beginning, for a message."""
    text = node.sql(dialect="clickhouse", comments=False)[:60]
    return f"{word(type(node).__name__)} ({text!r})"


def _function(node: exp.Expr) -> None:
    name = node.this if isinstance(node.this, str) else node.this.name
    if not isinstance(node.this, str) or not is_allowed(name):
        where = "GET /v1/analytics/query/functions lists those that are"
        raise RefusedQueryError(f"the function {name[:60]!r} is not allowed: {where}")


def _identifier(node: exp.Expr) -> None:
    name = node.this
    if not isinstance(name, str) or not name.isprintable() or _NOT_IN_NAMES & set(name) or not 0 < len(name) <= 200:
        raise RefusedQueryError(f"the name {str(name)[:60]!r} is not allowed: use letters, digits, spaces and signs")
    if not (node.args.get("quoted") or _PLAIN.fullmatch(name)):
        raise RefusedQueryError(f"the name {name[:60]!r} must be quoted: only ASCII letters, digits and _ need none")


def _literal(node: exp.Expr) -> None:
    if not node.is_string and not _NUMBER.fullmatch(node.this):
        raise RefusedQueryError(f"the number {node.this[:60]!r} is not allowed: write it in decimal digits")
    if node.is_string and "\0" in node.this:
        raise RefusedQueryError("a text with a null byte is not allowed: leave the byte out")


def _select(node: exp.Expr) -> None:
    if not node.expressions:
        raise RefusedQueryError("a SELECT names nothing: write what to select")


def _star(node: exp.Expr) -> None:
    if not all(isinstance(one, exp.Column) for one in node.args.get("except_") or ()):
        raise RefusedQueryError(f"{shown(node)} is not allowed: write * EXCEPT (a, b)")


def _column(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Identifier | exp.Star | exp.Literal):
        raise RefusedQueryError(f"{node.name[:60]!r} is not the name of a column: write a name or *")


def _table(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Identifier):
        raise RefusedQueryError(f"{shown(node)} is a table function or a parameter: name one of the tables")


def _source(node: exp.Expr) -> None:
    found = node.this.this if isinstance(node.this, exp.Final) else node.this
    if not isinstance(found, exp.Table) and not isinstance(node.this, exp.Subquery):
        raise RefusedQueryError(f"{shown(node)} is not a table: name one of the tables, or write a subquery")


def _subquery(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Query):
        raise RefusedQueryError(f"{shown(node)} is not a subquery: write (SELECT ...)")


def _join(node: exp.Expr) -> None:
    kind, side = str(node.args.get("kind") or "").upper(), str(node.args.get("side") or "").upper()
    if kind == "ARRAY":
        if any(one.find(exp.Query, exp.Table, exp.From) for one in (node.this, *node.expressions)):
            raise RefusedQueryError("a subquery in ARRAY JOIN is not allowed: name an array")
    elif kind not in _JOIN_KINDS or side not in _JOIN_SIDES or node.expressions:
        raise RefusedQueryError(
            f"{shown(node)} is not allowed: write INNER, LEFT, RIGHT, FULL, ANY, ASOF or ARRAY JOIN"
        )
    else:
        _source(node)


def _in(node: exp.Expr) -> None:
    field, query = node.args.get("field"), node.args.get("query")
    if query is not None and not isinstance(query, exp.Subquery):
        raise RefusedQueryError(f"{shown(node)} is not allowed: write IN (SELECT ...)")
    if field is not None and not isinstance(field, exp.Placeholder | exp.Array):
        raise RefusedQueryError(f"{shown(node)} may name a table: write IN (SELECT ...), or has(array, value)")
    if any(isinstance(one.unnest(), exp.Column | exp.Dot | exp.Identifier) for one in node.expressions):
        raise RefusedQueryError(f"{shown(node)} may name a table: write IN (SELECT ...), or = for a column")


def _placeholder(node: exp.Expr) -> None:
    if not isinstance(node.args.get("kind"), exp.DataType):
        raise RefusedQueryError(f"the parameter {node.name[:60]!r} has no type of a value: write {{name:String}}")
    if not isinstance(node.this, exp.Var) or not _PLAIN.fullmatch(node.name):
        raise RefusedQueryError(f"the parameter {node.name[:60]!r} has a name that is not allowed: use ASCII letters")


def _type(node: exp.Expr) -> None:
    if node.this not in _TYPES:
        raise RefusedQueryError(f"{shown(node)} is not allowed: use numbers, texts, times, or arrays of them")


def _var(node: exp.Expr) -> None:
    if not isinstance(node.parent, exp.Placeholder) and node.name.upper() not in UNITS:
        raise RefusedQueryError(f"{node.name[:60]!r} is not allowed here: a unit of time is meant, such as HOUR")


def _dot(node: exp.Expr) -> None:
    if isinstance(node.this, exp.Literal) or not isinstance(node.expression, exp.Identifier | exp.Literal):
        raise RefusedQueryError(f"{shown(node)} is not allowed: write an element's name or number after the point")


def _extract(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Var):
        raise RefusedQueryError(f"{shown(node)} is not allowed: write EXTRACT(HOUR FROM a)")


def _window(node: exp.Expr) -> None:
    if node.args.get("over") not in (None, "OVER"):
        raise RefusedQueryError(f"{shown(node)} is not allowed: write OVER (...)")


def _frame(node: exp.Expr) -> None:
    for value in node.args.values():
        if isinstance(value, str) and not _FRAME.fullmatch(value):
            raise RefusedQueryError(f"the frame {shown(node)} is not allowed: write ROWS or RANGE BETWEEN")


def _fill(node: exp.Expr) -> None:
    if not (node.args.get("from_") and node.args.get("to")):
        raise RefusedQueryError("WITH FILL without bounds is not allowed: write WITH FILL FROM a TO b")


def _amount(node: exp.Expr) -> None:
    amount = node.args.get("expression")
    if not isinstance(amount, exp.Literal) or amount.is_string or not re.fullmatch(r"\d{1,18}", amount.this):
        raise RefusedQueryError(f"{shown(node)} is not allowed: write a whole number")


FORMS: Mapping[type[exp.Expr], Callable[[exp.Expr], None]] = {
    exp.Select: _select,
    exp.Star: _star,
    exp.Anonymous: _function,
    exp.AnonymousAggFunc: _function,
    exp.ParameterizedAgg: _function,
    exp.Identifier: _identifier,
    exp.Literal: _literal,
    exp.Column: _column,
    exp.Table: _table,
    exp.From: _source,
    exp.Subquery: _subquery,
    exp.Join: _join,
    exp.In: _in,
    exp.Placeholder: _placeholder,
    exp.DataType: _type,
    exp.Var: _var,
    exp.Dot: _dot,
    exp.Extract: _extract,
    exp.Window: _window,
    exp.WindowSpec: _frame,
    exp.WithFill: _fill,
    exp.Limit: _amount,
    exp.Offset: _amount,
}
"""Class of node -> what refuses one that says something else than it may."""
