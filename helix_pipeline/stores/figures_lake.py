"""Analytics from the lake: DuckDB adds up the events themselves while ClickHouse is away.

Rows stream from Parquet through Arrow into DuckDB, only the columns of the question and the months of its window.
What no event says (what messages name, what was compressed, the requests of the API) is not in the lake.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from threading import Timer
from typing import Any, NoReturn, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_DEBATES, LAKE_PROVIDER_CALLS, LakeTable
from helix_pipeline.domain.analytics.figures import (
    Calls,
    Compressions,
    ConversationDay,
    Debate,
    EntityDay,
    EntityRise,
    Figures,
    Outcomes,
    ProviderSums,
    Sample,
    Side,
    Turns,
    Usage,
    Winner,
    Winners,
    WinsPoint,
)
from helix_pipeline.domain.analytics.window import Bucket, WholeHours, Window
from helix_pipeline.errors import StoreError
from helix_pipeline.stores import figures_lake_sql as sql
from helix_pipeline.stores.lake import Lake, open_table

_A = TypeVar("_A")
_B = TypeVar("_B")

LIMIT_S = 20.0
"""Seconds after which a question is given up."""

_CONFIG: dict[str, str | bool | int | float | list[str]] = {"threads": 2, "memory_limit": "512MB"}
_VIEWS = {"calls": LAKE_PROVIDER_CALLS, "debates": LAKE_DEBATES, "messages": LAKE_CONVERSATIONS}


class LakeFigures:
    """The reader of a lake."""

    knows_entities = False

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def both(self, first: Callable[[], _A], second: Callable[[], _B]) -> tuple[_A, _B]:
        """Return what two questions return, one after the other: each uses all cores."""
        return first(), second()

    def providers(self, within: Window) -> list[Figures]:
        """Return the sums of each provider."""
        return self._figures("provider", within, None)

    def provider(self, within: Window, name: str) -> ProviderSums:
        """Return the sums of a provider, of each of its models, and its errors."""
        whole = self._figures("provider", within, name) or [Figures(name)]
        errors = dict(self._rows(sql.ERRORS, within, provider=name))
        return ProviderSums(whole[0], self._figures("model", within, name), errors)

    def series(self, within: Window, bucket: Bucket, provider: str = "") -> list[Sample]:
        """Return the calls by bucket and provider."""
        found = self._rows(sql.SERIES, within, bucket=bucket, provider=provider or None)
        return [Sample(_utc(at), *rest) for at, *rest in found]

    def conversations(self, within: Window) -> list[ConversationDay]:
        """Return the days on which something was said."""
        return [ConversationDay(*row) for row in self._rows(sql.CONVERSATIONS, within)]

    def winners(self, within: Window, limit: int) -> Winners:
        """Return the models that won most."""
        found = self._rows(sql.WINNERS, within, limit=limit)
        ((ended, decided),) = self._rows(sql.ENDED, within)
        return Winners(tuple(Winner(*row) for row in found), ended, decided)

    def wins(self, within: Window, bucket: WholeHours, limit: int) -> list[WinsPoint]:
        """Return the debates of the models that won most, by bucket and model."""
        found = self._rows(sql.WINS, within, bucket=bucket, limit=limit)
        return [WinsPoint(_utc(at), *rest) for at, *rest in found]

    def debate(self, debate_id: str) -> Debate | None:
        """Return one debate from its events."""
        found = self._rows(sql.DEBATE, None, debate_id=debate_id)
        if not found:
            return None
        ((topic, begin, ended, last, rounds, winner, consensus),) = found
        sides = self._rows(sql.SIDES, None, debate_id=debate_id)
        return Debate(
            debate_id=debate_id,
            topic=topic,
            started_at=_utc(begin),
            ended_at=_utc(ended) if ended else None,
            last_event_at=_utc(last),
            rounds=rounds,
            winner=winner,
            consensus_reached=consensus,
            sides=tuple(_side(*row) for row in sides),
            verdicts=dict(self._rows(sql.VERDICTS, None, debate_id=debate_id)),
        )

    def entity_days(self, within: Window) -> list[EntityDay]:
        """Raise StoreError: no event says what a message names."""
        _not_here("what messages name")

    def entity_rises(self, within: Window, limit: int) -> list[EntityRise]:
        """Raise StoreError: no event says what a message names."""
        _not_here("what messages name")

    def compressions(self, within: Window) -> list[Compressions]:
        """Raise StoreError: compressions are no events."""
        _not_here("what was compressed")

    def usage(self, within: Window) -> Usage:
        """Raise StoreError: requests are no events."""
        _not_here("the requests of the API")

    def _figures(self, key: str, within: Window, provider: str | None) -> list[Figures]:
        calls, turns, outcomes = (
            {row[0]: row[1:] for row in self._rows(statement.format(key=key), within, provider=provider)}
            for statement in (sql.CALLS, sql.TURNS, sql.OUTCOMES)
        )
        return [
            Figures(
                one,
                Calls(*_summed(calls[one])) if one in calls else Calls(),
                Turns(*_summed(turns[one])) if one in turns else Turns(),
                Outcomes(*outcomes[one]) if one in outcomes else Outcomes(),
            )
            for one in sorted(calls.keys() | turns.keys() | outcomes.keys())
        ]

    def _rows(self, statement: str, within: Window | None, **values: Any) -> list[Any]:
        if within:
            values |= {"since": within.since.replace(tzinfo=None), "until": within.until.replace(tzinfo=None)}
        used = {name: value for name, value in values.items() if f"${name}" in statement}
        with _database() as database:
            for name, table in _VIEWS.items():
                if f"FROM {name}" in statement:
                    database.register(name, self._stream(table, _columns(name, statement), within, values))
            return database.execute(statement, used).fetchall()

    def _stream(
        self, table: LakeTable, columns: Sequence[str], within: Window | None, values: dict[str, Any]
    ) -> pa.RecordBatchReader:
        opened = open_table(self._lake, table.name).to_pyarrow_dataset()
        wanted = _months(within, table is LAKE_DEBATES) if within else ds.field("debate_id") == values["debate_id"]
        scanner = opened.scanner(columns=list(columns), filter=wanted, batch_readahead=2, fragment_readahead=2)
        schema = _without_zone(scanner.projected_schema)
        return pa.RecordBatchReader.from_batches(schema, (one.cast(schema) for one in scanner.to_batches()))


def _side(participant: str, position: str | None, provider: str, model: str, *sums: Any) -> Side:
    return Side(participant, position, provider, model, Turns(*_summed(sums)))


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend an empty database, which gives up after `LIMIT_S`; its errors become StoreError."""
    try:
        with duckdb.connect(config=_CONFIG) as database:
            timer = Timer(LIMIT_S, database.interrupt)
            timer.start()
            try:
                yield database
            finally:
                timer.cancel()
    except duckdb.InterruptException:
        raise StoreError(f"the lake takes longer than {LIMIT_S:g} s for this: ask for a shorter window") from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise StoreError(f"the lake cannot be asked: {str(error).splitlines()[0][:300]}") from None


def _without_zone(schema: pa.Schema) -> pa.Schema:
    """Return the schema with times that are UTC without saying so: DuckDB knows zones by an extension alone."""
    plain = (one.with_type(pa.timestamp("us")) if pa.types.is_timestamp(one.type) else one for one in schema)
    return pa.schema(list(plain))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def _months(within: Window, and_one_before: bool) -> ds.Expression:
    """Return what the partitions of a window fulfil; a debate that ended in it may have begun the month before."""
    first, last = (at.year * 12 + at.month - 1 for at in (within.since, within.until))
    first -= int(and_one_before)
    pairs = (divmod(month, 12) for month in range(first, last + 1))
    return reduce(or_, ((ds.field("year") == year) & (ds.field("month") == month + 1) for year, month in pairs))


def _columns(view: str, statement: str) -> list[str]:
    return [name for name in _VIEWS[view].schema.names if name in sql.words(statement)]


def _summed(row: Sequence[Any]) -> list[Any]:
    """Return the sums of a row with its list of quantiles as a tuple; of nothing they are 0."""
    return [tuple(x or 0.0 for x in value) if isinstance(value, (list, tuple)) else value for value in row]


def _not_here(what: str) -> NoReturn:
    raise StoreError(f"the lake does not hold {what}")
