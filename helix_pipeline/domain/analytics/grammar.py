"""The grammar of a free query: which nodes a syntax tree may have, which parts of each may be filled, and with what.

Everything else is refused, whatever it is: a node that a later sqlglot makes of new syntax is not in these lists.
"""

from collections.abc import Mapping

from sqlglot import exp

from helix_pipeline.domain.analytics.forms import FORMS, shown, word
from helix_pipeline.domain.analytics.refusal import RefusedQueryError

_BINARY = "this expression"
_QUERY = "with_ expressions distinct from_ joins prewhere where group having qualify windows order limit offset"

PARTS: Mapping[type[exp.Expr], str] = {
    exp.Select: _QUERY,
    exp.Union: "with_ this expression distinct order limit offset",
    exp.Intersect: "with_ this expression distinct order limit offset",
    exp.Except: "with_ this expression distinct order limit offset",
    exp.Subquery: "this alias",
    exp.With: "expressions",
    exp.CTE: "this alias scalar",
    exp.From: "this",
    exp.Table: "this db alias",
    exp.TableAlias: "this",
    exp.Final: "this",
    exp.Join: "this on using side kind expressions",
    exp.Where: "this",
    exp.PreWhere: "this",
    exp.Group: "expressions cube rollup grouping_sets all",
    exp.Cube: "expressions",
    exp.Rollup: "expressions",
    exp.GroupingSets: "expressions",
    exp.Having: "this",
    exp.Qualify: "this",
    exp.Order: "expressions",
    exp.Ordered: "this desc nulls_first with_fill",
    exp.WithFill: "from_ to step",
    exp.Limit: "expression expressions limit_options",
    exp.LimitOptions: "with_ties",
    exp.Offset: "expression",
    exp.Distinct: "expressions on",
    exp.Window: "this partition_by order spec alias over",
    exp.WindowSpec: "kind start start_side end end_side",
    exp.Filter: _BINARY,
    exp.IgnoreNulls: "this",
    exp.RespectNulls: "this",
    exp.Alias: "this alias",
    exp.Column: "this table db",
    exp.Identifier: "this quoted",
    exp.Star: "except_",
    exp.Literal: "this is_string",
    exp.Boolean: "this",
    exp.Null: "",
    exp.Paren: "this",
    exp.Tuple: "expressions",
    exp.Array: "expressions",
    exp.Bracket: "this expressions offset",
    exp.Dot: _BINARY,
    exp.Lambda: "this expressions",
    exp.Anonymous: "this expressions",
    exp.AnonymousAggFunc: "this expressions",
    exp.ParameterizedAgg: "this expressions params",
    exp.Cast: "this to",
    exp.DataType: "this expressions nested nullable values",
    exp.DataTypeParam: "this",
    exp.Placeholder: "this kind",
    exp.Interval: "this unit",
    exp.Var: "this",
    exp.Extract: _BINARY,
    exp.Case: "this ifs default",
    exp.If: "this true false",
    exp.In: "this expressions query field",
    exp.Exists: "this",
    exp.Between: "this low high",
    exp.Is: f"{_BINARY} negate",
    exp.Like: f"{_BINARY} negate",
    exp.ILike: f"{_BINARY} negate",
    exp.DPipe: f"{_BINARY} safe",
    exp.Not: "this",
    exp.Neg: "this",
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _BINARY),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Mod), _BINARY),
    exp.Div: f"{_BINARY} typed safe",
}
"""Class of node -> the arguments of it that may be filled."""

_ALLOWED = {kind: frozenset(parts.split()) for kind, parts in PARTS.items()}

_HINT = "only SELECT with expressions, subqueries, WITH, JOIN and UNION is understood"
_HINTS: Mapping[type[exp.Expr], str] = {
    exp.IntDiv: "write intDiv(a, b)",
    exp.CastToStrType: "write CAST(a AS Float64)",
    exp.Lateral: "write a JOIN",
    exp.Fetch: "write LIMIT",
    exp.TableSample: "the tables have no sampling key; write a condition",
}


def check_node(node: exp.Expr) -> None:
    """Refuse a node of another kind than those listed, with another part filled, or with a part of another form.

    Only the node itself is looked at: the caller walks through the tree.
    """
    kind = type(node)
    if kind not in _ALLOWED:
        raise RefusedQueryError(f"{shown(node)} is not allowed in a query: {_HINTS.get(kind, _HINT)}")
    for name, value in node.args.items():
        if name not in _ALLOWED[kind] and value not in (None, False, []):
            raise RefusedQueryError(f"{word(name)} is not allowed in {word(kind.__name__)}: leave it out")
    if kind in FORMS:
        FORMS[kind](node)
