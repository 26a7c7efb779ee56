"""Rows for the analytics benchmark, made inside ClickHouse: provider calls and debates of 90 days, and what follows.

Every value is a hash of the row's number, so that two runs have the same rows. They come in order of time, as streams
bring them, 1,000,000 at an insert.
"""

import time
from collections.abc import Iterator

from clickhouse_connect.driver.client import Client
from rich.progress import track

DAYS = 90
CHUNK = 1_000_000
PER_DEBATE = 12
"""Events of a debate: ten turns, a verdict, the end."""


_NAMES = "['anthropic', 'deepseek', 'google', 'mistral', 'openai', 'qwen']"
_AT = (
    "fromUnixTimestamp64Micro(toInt64({until} - {days} * 86400000000 + {n} * {step}"
    " + cityHash64({n}, 9) % {step}), 'UTC')"
)
_UNIT = "((cityHash64({n}, {salt}) % 1000003 + 0.5) / 1000003)"
_LATENCY = "400 * exp(0.6 * sqrt(-2 * log({u})) * cos(6.283185 * {v}))"


def _unit(n: str, salt: int) -> str:
    return _UNIT.format(n=n, salt=salt)


def _latency(n: str) -> str:
    """A log-normal latency in milliseconds (Box and Muller, 1958): median 400, 95th percentile 1,073."""
    return _LATENCY.format(u=_unit(n, 1), v=_unit(n, 2))


def _at(n: str, rows: int) -> str:
    step = DAYS * 86_400_000_000 // rows
    return _AT.format(n=n, until="{until:Int64}", days=DAYS, step=step)


def calls(rows: int) -> str:
    """Return the SELECT of provider calls from `{first:UInt64}` on, `{count:UInt64}` of them."""
    return f"""
SELECT
    1, hex(sipHash128(number, 'e')), {_at("number", rows)}, '{{}}', 'provider.called', hex(sipHash128(number, 'r')),
    concat('c', toString(intDiv(number, 10))), NULL, {_NAMES}[p], concat('model-', toString(p), '-', toString(m)),
    {_latency("number")}, cityHash64(number, 3) % 4000, cityHash64(number, 4) % 1500, cityHash64(number, 5) % 50 > 0,
    if(cityHash64(number, 5) % 50 > 0, NULL, ['timeout', 'rate_limit'][cityHash64(number, 6) % 2 + 1]),
    (cityHash64(number, 3) % 4000) / 100000, number % 12, intDiv(number, 12), now64(6)
FROM
(
    SELECT number, cityHash64(number, 7) % 6 + 1 AS p, cityHash64(number, 8) % 2 AS m
    FROM numbers({{first:UInt64}}, {{count:UInt64}})
)"""


def debates(rows: int) -> str:
    """Return the SELECT of debate events, as `calls`."""
    return f"""
SELECT
    1, hex(sipHash128(number, 'd')), {_at("number", rows)}, '{{}}',
    multiIf(k < 10, 'debate.turn', k = 10, 'debate.judged', 'debate.completed'), concat('d', toString(d)), NULL,
    if(k = 10, NULL, 'which is better?'), [], if(k = 10, NULL, if(k < 10, intDiv(k, 2) + 1, 5)), if(k < 10, k, NULL),
    if(k < 10, who, NULL), NULL, if(k < 10, {_NAMES}[p], NULL),
    if(k < 10, concat('model-', toString(p), '-', toString(p % 2)), NULL), if(k < 10, '', NULL), if(k < 10, 900, NULL),
    if(k < 10, {_latency("number")}, NULL), if(k < 10, {_unit("number", 11)}, NULL), if(k = 10, 'judge', NULL),
    if(k < 10, NULL, ['A', 'B'][cityHash64(d, 12) % 2 + 1]), NULL, NULL, if(k = 11, true, NULL), number % 12,
    intDiv(number, 12), now64(6)
FROM
(
    SELECT number, number % {PER_DEBATE} AS k, intDiv(number, {PER_DEBATE}) AS d,
        if(k % 2 = 0, 'A', 'B') AS who, cityHash64(d, 13 + k % 2) % 6 + 1 AS p
    FROM numbers({{first:UInt64}}, {{count:UInt64}})
)"""


def outcomes(rows: int) -> str:
    """Return the SELECT of what the debates came to, two rows each; `number` counts debates."""
    last = f"number * {PER_DEBATE} + {PER_DEBATE - 1}"
    return f"""
SELECT
    {_at(f"({last})", rows)}, concat('d', toString(number)), ['A', 'B'][s + 1], NULL, {_NAMES}[p],
    concat('model-', toString(p), '-', toString(p % 2)), cityHash64(number, 12) % 2 = s, s = 0, true, true, 5, 5,
    {PER_DEBATE}, now64(6)
FROM
(
    SELECT number, arrayJoin([0, 1]) AS s, cityHash64(number, 13 + s) % 6 + 1 AS p
    FROM numbers({{first:UInt64}}, {{count:UInt64}})
)"""


def conversations() -> str:
    """Return the SELECT of conversations by day; `number` counts them, {{count}} over all days."""
    return f"""
SELECT
    toDate(today() - number % {DAYS}) AS day, concat('c', toString(number)), n, intDiv(n, 2), n * 40,
    toDateTime64(day, 3, 'UTC') + number % 80000 AS begin, begin + n * 40, now()
FROM (SELECT number, cityHash64(number, 1) % 30 + 1 AS n FROM numbers({{first:UInt64}}, {{count:UInt64}}))"""


def entities(rows: int) -> str:
    """Return the SELECT of what messages name: 50,000 entities by Zipf's law."""
    return f"""
SELECT
    {_at("number", rows)}, concat('c', toString(intDiv(number, 20))), concat('m', toString(intDiv(number, 2))),
    concat('tech:e', toString(e)), concat('E', toString(e)), ['TECH', 'CONCEPT', 'PERSON'][e % 3 + 1], '', 1, 2,
    now64(6)
FROM
(
    SELECT number, toUInt32(pow(50000, {_unit("number", 1)})) AS e
    FROM numbers({{first:UInt64}}, {{count:UInt64}})
)"""


def fill(client: Client, table: str, select: str, rows: int, until_us: int) -> float:
    """Insert the rows of a SELECT, and return the seconds that this took."""
    begin = time.monotonic()
    for first, count in track(list(_chunks(rows)), description=f"{table:<26}"):
        values = {"first": first, "count": count, "until": until_us}
        client.command(f"INSERT INTO {table} {select}", parameters=values, settings=_SETTINGS)
    return time.monotonic() - begin


_SETTINGS = {"insert_deduplicate": 0, "max_insert_threads": 2, "max_partitions_per_insert_block": 0}


def _chunks(rows: int) -> Iterator[tuple[int, int]]:
    return ((first, min(CHUNK, rows - first)) for first in range(0, rows, CHUNK))
