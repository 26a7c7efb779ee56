"""The check of free queries: attacks are refused, honest queries pass, and what is sent means what was checked."""

import re

import pytest
import sqlglot
from analytics_attacks import ATTACKS, HARMLESS, HEAVY
from analytics_honest import BOUND, PLAIN, REQUIRED
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from helix_pipeline.domain.analytics.dialect import Analyst
from helix_pipeline.domain.analytics.functions import is_aggregate, is_allowed, listed
from helix_pipeline.domain.analytics.readonly import MAX_LIMIT, CheckedQuery, bound, checked
from helix_pipeline.domain.analytics.refusal import RefusedQueryError
from helix_pipeline.domain.analytics.size import MAX_TEXT
from helix_pipeline.services.analytics import query as service

DATABASE = "helixagent"
TABLES = service.TABLES
HONEST = (*PLAIN, *REQUIRED, *HARMLESS, *(sql for sql, _ in BOUND))


def sent(sql: str, limit: int = 1000) -> str:
    return checked(sql, DATABASE, TABLES, limit).sql


def read(sql: str) -> set[str]:
    """The tables that a query names, less those of its WITH."""
    (tree,) = sqlglot.parse(sql, dialect=Analyst)
    assert isinstance(tree, exp.Select)
    made = {one.alias for one in tree.find_all(exp.CTE)}
    return {".".join(part.name for part in one.parts) for one in tree.find_all(exp.Table)} - made


def test_the_corpus_is_as_large_as_it_must_be() -> None:
    assert len(set(ATTACKS)) >= 100
    assert len({*PLAIN, *REQUIRED}) >= 50


@pytest.mark.parametrize("sql", ATTACKS, ids=range(len(ATTACKS)))
def test_an_attack_is_refused_in_one_line(sql: str) -> None:
    with pytest.raises(RefusedQueryError) as refused:
        checked(sql, DATABASE, TABLES)
    said = str(refused.value)
    assert said.isprintable()
    assert re.search(r": \S", said), said
    assert len(said) < 500


@pytest.mark.parametrize("sql", HONEST, ids=range(len(HONEST)))
def test_what_is_sent_is_read_again_as_the_same(sql: str) -> None:
    first = checked(sql, DATABASE, TABLES)
    assert checked(first.sql, DATABASE, TABLES) == first
    assert read(first.sql) <= {f"{DATABASE}.{table}" for table in TABLES}


@pytest.mark.parametrize("sql", HEAVY)
def test_heavy_queries_are_left_to_the_limits_of_the_server(sql: str) -> None:
    assert "LIMIT" in sent(sql.replace("{big}", "provider_metrics"))


def test_the_query_of_the_requirements_is_sent_as_it_stands() -> None:
    assert sent(REQUIRED[0]) == (
        'SELECT toStartOfHour("timestamp") AS "hour", "provider", COUNT(*) AS "requests",'
        ' AVG("response_time_ms") AS "avg_response_time", quantile(0.95)("response_time_ms") AS "p95_response_time"'
        ' FROM "helixagent"."debate_metrics" WHERE "timestamp" >= now() - INTERVAL \'24\' HOUR'
        ' GROUP BY "hour", "provider" ORDER BY "hour" DESC, "avg_response_time" ASC LIMIT 1001'
    )


@pytest.mark.parametrize(
    ("sql", "limit", "end"),
    [
        ("SELECT provider FROM provider_metrics", 1, "LIMIT 2"),
        ("SELECT provider FROM provider_metrics LIMIT 5", 10, "LIMIT 5"),
        ("SELECT provider FROM provider_metrics LIMIT 10", 10, "LIMIT 10"),
        ("SELECT provider FROM provider_metrics LIMIT 999999999999", 10, "LIMIT 11"),
        ("SELECT provider FROM provider_metrics LIMIT 3, 999", 10, "LIMIT 11 OFFSET 3"),
        ("SELECT provider FROM provider_metrics LIMIT 0", 10, "LIMIT 0"),
        ("SELECT provider FROM provider_metrics LIMIT 5 BY provider", 10, ") LIMIT 11"),
        ("SELECT provider FROM provider_metrics LIMIT 5 WITH TIES", 10, "LIMIT 5 WITH TIES) LIMIT 11"),
        ("SELECT 1 UNION ALL SELECT 2 LIMIT 1", 10, "SELECT 2 LIMIT 1) LIMIT 11"),
        ("(SELECT 1 LIMIT 99)", 10, "LIMIT 11"),
        ("SELECT provider FROM (SELECT provider FROM provider_metrics LIMIT 99999)", 10, "LIMIT 99999) LIMIT 11"),
    ],
)
def test_the_outermost_limit_is_the_bound(sql: str, limit: int, end: str) -> None:
    assert sent(sql, limit).endswith(end)


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_limit_out_of_bounds_is_refused(limit: int) -> None:
    with pytest.raises(RefusedQueryError, match="1 to 10,000"):
        checked("SELECT 1", DATABASE, TABLES, limit)


def test_parameters_are_named_with_their_types_and_bound_as_they_are() -> None:
    query = checked("SELECT {a:String}, {b:Array(Nullable(Float64))}, {a:String}", DATABASE, TABLES)
    assert query.parameters == {"a": "String", "b": "Array(Nullable(Float64))"}
    assert bound(query, {"a": "'; DROP", "b": [1.5, None]}) == {"a": "'; DROP", "b": [1.5, None]}
    with pytest.raises(RefusedQueryError, match=r"'b' .* has no value"):
        bound(query, {"a": ""})
    with pytest.raises(RefusedQueryError, match="no parameter 'c'"):
        bound(query, {"a": "", "b": [], "c": 1})
    assert bound(CheckedQuery("SELECT 1", 1, {}), {}) == {}


def test_a_with_is_seen_where_clickhouse_sees_it_and_nowhere_else() -> None:
    assert sent("WITH z AS (SELECT 1 AS o) SELECT o FROM (SELECT o FROM z) WHERE o IN (SELECT o FROM z)", 1) == (
        'WITH "z" AS (SELECT 1 AS "o") SELECT "o" FROM (SELECT "o" FROM "z") WHERE "o" IN (SELECT "o" FROM "z") LIMIT 2'
    )
    with pytest.raises(RefusedQueryError, match="'z' is not known"):
        checked("SELECT 1 FROM (WITH z AS (SELECT 1) SELECT * FROM z) AS a, z", DATABASE, TABLES)
    with pytest.raises(RefusedQueryError, match="'z' is not known"):
        checked("WITH z AS (SELECT * FROM z) SELECT * FROM z", DATABASE, TABLES)


def test_the_message_names_what_is_there_instead() -> None:
    with pytest.raises(
        RefusedQueryError, match="the table 'calls' is not known: there are compression_stats, conversation_messages"
    ):
        checked("SELECT 1 FROM calls", DATABASE, TABLES)
    with pytest.raises(RefusedQueryError, match="database 'system' is not allowed: the tables are in 'helixagent'"):
        checked("SELECT 1 FROM system.one", DATABASE, TABLES)
    with pytest.raises(
        RefusedQueryError, match=r"function 'dictGet' is not allowed: GET /v1/analytics/query/functions"
    ):
        checked("SELECT dictGet('a', 'b', 1)", DATABASE, TABLES)
    with pytest.raises(RefusedQueryError, match=r"U\+200B at 7 is not allowed"):
        checked("SELECT \u200b1", DATABASE, TABLES)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM url('x')", "is a table function or a parameter"),
        ("SELECT * FROM {t:Identifier}", "is a table function or a parameter"),
        ("SELECT FROM provider_metrics", "a SELECT names nothing"),
        ("SELECT 1 FROM provider_metrics ARRAY JOIN (SELECT [1]) AS a", "a subquery in ARRAY JOIN"),
        ("SELECT " + "NOT " * 45 + "1", r"\d+ levels: at most 40"),
        ("SELECT " + ", ".join(["a[1]"] * 201) + " FROM provider_metrics", "201 square brackets: at most 200"),
    ],
)
def test_each_rule_says_what_it_refuses(sql: str, said: str) -> None:
    with pytest.raises(RefusedQueryError, match=said):
        checked(sql, DATABASE, TABLES)


def test_the_longest_text_is_read_and_one_more_is_not() -> None:
    longest = "SELECT '" + "a" * (MAX_TEXT - 9) + "'"
    assert len(sent(longest)) == MAX_TEXT + len(" LIMIT 1001")
    with pytest.raises(RefusedQueryError, match="20,001 characters"):
        checked(longest + " ", DATABASE, TABLES)


def test_functions_are_known_by_name_in_any_case_and_with_combinators() -> None:
    assert is_allowed("COUNT")
    assert is_allowed("quantileTDigestIf")
    assert is_allowed("uniqMerge")
    assert not is_allowed("lowerIf")
    assert not is_allowed("sumResample")
    assert not is_allowed("Merge")
    assert not is_allowed("")
    assert not is_allowed("ﬁrst_value")
    assert not is_allowed("top\u212a")  # the Kelvin sign, whose lower case is a k
    assert is_aggregate("avgOrNullIf")
    assert not is_aggregate("lower")
    assert len(listed()) == len({name.lower() for name in listed()})


@given(st.text(max_size=30))
def test_any_text_in_a_literal_stays_a_literal(text: str) -> None:
    written = text.replace("\\", "\\\\").replace("'", "\\'")
    try:
        found = sent(f"SELECT '{written}' AS a")
    except RefusedQueryError as error:
        assert not text.isprintable()
        assert "U+" in str(error)
    else:
        (tree,) = sqlglot.parse(found, dialect=Analyst)
        assert isinstance(tree, exp.Select)
        assert tree.selects[0].this == exp.Literal.string(text)
        assert _unescaped(found) == text


def _unescaped(sql: str) -> str:
    """Read the literal of `SELECT '...' AS` as ClickHouse's lexer does: a backslash or a second quote escapes."""
    inner = re.fullmatch(r"""SELECT '((?:[^'\\]|\\.|'')*)' AS "a" LIMIT 1001""", sql, re.DOTALL)
    assert inner, sql
    known = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0", "e": "\x1b"}
    return re.sub(r"\\(.)|''", lambda one: known.get(one[1], one[1]) if one[1] else "'", inner[1], flags=re.DOTALL)


@given(st.text(max_size=30))
def test_any_text_as_a_name_stays_a_name_or_is_refused(text: str) -> None:
    try:
        found = sent(f"SELECT 1 AS `{text}`")
    except RefusedQueryError:
        return
    assert found == f'SELECT 1 AS "{text}" LIMIT 1001'
    assert not set(text) & set("\"`\\'")


_PIECES = st.sampled_from(sorted({word for sql in (*ATTACKS[:300], *PLAIN) for word in re.findall(r"\w+|\W", sql)}))


@given(st.data())
def test_a_changed_attack_reads_no_table_but_the_allowed_ones(data: st.DataObject) -> None:
    words = re.findall(r"\w+|\W", data.draw(st.sampled_from([sql for sql in ATTACKS if len(sql) < 500])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(words)))
        words[at : at + data.draw(st.integers(0, 3))] = data.draw(st.lists(_PIECES, max_size=3))
    try:
        found = checked("".join(words), DATABASE, TABLES)
    except RefusedQueryError:
        return
    assert read(found.sql) <= {f"{DATABASE}.{table}" for table in TABLES}
    assert {one.lower() for one in re.findall(r'(?<!")\b(\w+)\(', _without_texts(found.sql))} <= _CALLS
    assert checked(found.sql, DATABASE, TABLES) == found


_SYNTAX = {"in", "as", "over", "exists", "except", "cast", "extract", "using", "nullable", "array", "decimal", "on"}
_SYNTAX |= {"datetime64", "datetime", "fixedstring", "lowcardinality", "map", "tuple", "by", "filter", "rollup", "cube"}
_SYNTAX |= {"sets", "and", "or", "not", "where", "select", "when", "then", "else", "case", "from", "join", "having"}
_CALLS = (
    {name.lower() for name in listed()} | _SYNTAX | {"topk", "uniqstate", "uniqmerge", "quantiletdigestif", "countif"}
)


def _without_texts(sql: str) -> str:
    return re.sub(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*\"""", '""', sql)


@given(st.text(alphabet=st.sampled_from("SELECT FROMsystem.one`\"'()[]{},;*/-\\#$1x:>|\n"), max_size=60))
def test_any_text_is_refused_or_understood(text: str) -> None:
    try:
        found = sent(f"SELECT {text}")
    except RefusedQueryError:
        return
    assert sent(found) == found
