"""ClickHouse's SQL as free queries are read and written: sqlglot's dialect, but with every function call kept as it is.

sqlglot translates between dialects and for that gives hundreds of functions nodes of their own, which it writes in
another form (`toStartOfHour` as `dateTrunc`). Here each call stays a name with arguments: what is checked is sent.
"""

from collections.abc import Sequence

from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.parsers.clickhouse import ClickHouseParser

from helix_pipeline.domain.analytics.functions import is_aggregate

_SYNTAX = ("CAST", "EXTRACT")
"""Calls whose arguments have a syntax of their own: `CAST(a AS Float64)`, `EXTRACT(HOUR FROM a)`."""


class _Parser(ClickHouseParser):
    FUNCTIONS = {}
    FUNCTION_PARSERS = {name: ClickHouseParser.FUNCTION_PARSERS[name] for name in _SYNTAX}
    NO_PAREN_FUNCTIONS = {}
    NO_PAREN_FUNCTION_PARSERS = {"CASE": ClickHouseParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}

    def _warn_unsupported(self) -> None:
        """Refuse what sqlglot would pass on as it is, with a warning in the log."""
        self.raise_error("not a SELECT")

    @classmethod
    def _resolve_clickhouse_agg(cls, name: str) -> tuple[str, Sequence[str]] | None:
        """Say which calls may have two lists of arguments, as `quantile(0.95)(latency_ms)`."""
        return (name, ()) if is_aggregate(name) else None


class Analyst(ClickHouse):
    """The dialect of free queries."""

    Parser = _Parser
