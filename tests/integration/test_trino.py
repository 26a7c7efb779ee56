"""SQL over the lake with the real Trino: the queries of the requirements, new tables, new commits, nobody writes.

Trino is fetched when it is missing (820 MB). Without Java 24, or where it cannot be had, these tests are skipped.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from object_storage import s3_server, with_lake
from ports import free_ports
from typer.testing import CliRunner

from helix_pipeline.catalog import find
from helix_pipeline.cli import app
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.errors import StoreError, ToolchainError, UsageError
from helix_pipeline.local import servers
from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.toolchain import trino_java
from helix_pipeline.services.batch import execute
from helix_pipeline.settings import Settings, load
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.stores import sql
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_lake, open_table, write_files

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1200)]

AT = datetime(2026, 1, 30, 23, 50, 0, 123456, tzinfo=UTC)
TEXTS = ("Redis and Kafka, with PostgreSQL", "Redis again", "nothing to see", "Kafka")
BY_DAY = """
    SELECT
        year,
        month,
        day,
        COUNT(*) AS conversation_count
    FROM helixagent.conversations
    WHERE year = 2026 AND month = 1
    GROUP BY year, month, day
    ORDER BY day DESC;
"""
BY_ENTITY = """
    SELECT
        entity_name,
        entity_type,
        COUNT(*) AS mention_count
    FROM helixagent.entities
    WHERE year = 2026 AND month = 1
    GROUP BY entity_name, entity_type
    ORDER BY mention_count DESC
    LIMIT 10;
"""
REFUSED = (
    "DROP TABLE helixagent.conversations",
    "DROP SCHEMA helixagent CASCADE",
    "DELETE FROM helixagent.conversations",
    "TRUNCATE TABLE helixagent.conversations",
    "INSERT INTO helixagent.conversations SELECT * FROM helixagent.conversations",
    "UPDATE helixagent.conversations SET content = ''",
    "CREATE TABLE helixagent.other AS SELECT 1 AS one",
    "ALTER TABLE helixagent.conversations ADD COLUMN other varchar",
    "ALTER TABLE helixagent.conversations EXECUTE optimize",
    "ALTER TABLE lake_admin.helixagent.conversations EXECUTE optimize",
    "SELECT * FROM lake_admin.helixagent.conversations",
    "CALL system.vacuum('helixagent', 'conversations', '7d')",
    "CALL system.unregister_table('helixagent', 'conversations')",
    "CALL lake_admin.system.register_table('helixagent', 'other', 'local:///lake/conversations')",
)
_numbers = count()


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    try:
        trino_java()
        ensure_jars("trino")
    except ToolchainError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def trino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with Trino running over a lake of four messages on two days."""
    home = tmp_path_factory.mktemp("trino")
    settings = load(environ={}, flags={"home": str(home), "trino.port": free_ports(1)[0], "trino.heap_mb": 1024})
    yield from running(settings)


def running(settings: Settings) -> Iterator[Settings]:
    lake = open_lake(settings)
    create_tables(lake, LAKE_TABLES)
    add(lake, TEXTS)
    try:
        servers.up(settings, ["trino"])
        sql.refresh_tables(settings)
        yield settings
    finally:
        servers.down(settings, ["trino"])


def add(lake: Lake, texts: tuple[str, ...]) -> None:
    """Commit messages, five minutes after each other from ten minutes before midnight on, as a stream does."""
    version = next(_numbers)
    rows = [
        {
            "schema_version": 1,
            "event_id": f"e{version}-{n}",
            "timestamp": AT + timedelta(minutes=5 * n),
            "metadata": "{}",
            "event_type": "message.added",
            "conversation_id": f"c{version}",
            "message_id": f"m{version}-{n}",
            "sequence": n,
            "role": "user",
            "content": text,
            "kafka_partition": 0,
            "kafka_offset": 100 * version + n,
            "ingested_at": AT,
        }
        for n, text in enumerate(texts)
    ]
    table = pa.Table.from_pylist(rows, schema=LAKE_CONVERSATIONS.schema)
    files = write_files(lake, LAKE_CONVERSATIONS, table)
    assert commit(open_table(lake, LAKE_CONVERSATIONS.name), files, "test", version)


def rows(settings: Settings, statement: str) -> list[tuple[object, ...]]:
    return sql.query(settings, statement).rows


def test_conversations_by_date_as_in_the_requirements(trino: Settings) -> None:
    answer = sql.query(trino, BY_DAY)
    assert answer.columns == ("year", "month", "day", "conversation_count")
    assert answer.rows == [(2026, 1, 31, 2), (2026, 1, 30, 2)]
    assert not answer.truncated


@pytest.mark.spark
def test_entities_by_name_as_in_the_requirements_once_the_job_has_run(trino: Settings, spark: "SparkSession") -> None:  # noqa: F821
    with pytest.raises(UsageError, match="entities' does not exist"):
        sql.query(trino, BY_ENTITY)
    job = find("EntityExtraction")
    parameters = {parameter.name: parameter.default for parameter in job.parameters}
    execute(job, JobRun(spark, trino.lake_root, trino.lake_root, parameters=parameters))
    assert {"entities", "job_runs"} <= set(sql.refresh_tables(trino))
    answer = sql.query(trino, BY_ENTITY)
    assert answer.columns == ("entity_name", "entity_type", "mention_count")
    assert {name: number for name, _, number in answer.rows} == {"Redis": 2, "Apache Kafka": 2, "PostgreSQL": 1}
    assert [number for *_, number in answer.rows] == [2, 2, 1]


def test_commits_are_seen_as_soon_as_they_are_made(trino: Settings) -> None:
    count_all = "SELECT count(*) FROM conversations"
    ((before,),) = rows(trino, count_all)
    add(open_lake(trino), ("one", "two"))
    assert rows(trino, count_all) == [(before + 2,)]


def test_tables_are_registered_when_they_appear_and_forgotten_when_they_go(trino: Settings) -> None:
    table = Path(trino.lake_root) / "extra"
    write_deltalake(table, pa.table({"n": [1, 2, 3]}))
    assert "extra" in sql.refresh_tables(trino)
    assert rows(trino, "SELECT sum(n) FROM helixagent.extra") == [(6,)]
    table.rename(table.parent.parent / "elsewhere")
    assert "extra" not in sql.refresh_tables(trino)
    assert ("extra",) not in rows(trino, "SHOW TABLES FROM helixagent")


def test_compaction_vacuum_and_deletion_vectors_leave_the_rows(trino: Settings) -> None:
    numbers = "SELECT count(*), min(n), max(n) FROM helixagent.many"
    path = Path(trino.lake_root) / "many"
    configuration = {"delta.enableDeletionVectors": "true"}
    for n in range(6):
        write_deltalake(path, pa.table({"n": [2 * n, 2 * n + 1]}), mode="append", configuration=configuration)
    sql.refresh_tables(trino)
    assert rows(trino, numbers) == [(12, 0, 11)]
    table = DeltaTable(path)
    table.delete("n >= 10")
    assert rows(trino, numbers) == [(10, 0, 9)]
    assert table.optimize.compact()["numFilesAdded"] == 1
    table.create_checkpoint()
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert rows(trino, numbers) == [(10, 0, 9)]


@pytest.mark.spark
def test_deletion_vectors_of_spark_are_read(trino: Settings, spark: "SparkSession") -> None:  # noqa: F821
    path = f"{trino.lake_root}/vectors"
    spark.range(1000).coalesce(1).write.format("delta").option("delta.enableDeletionVectors", "true").save(path)
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id % 10 = 0")
    assert list(Path(path).glob("deletion_vector_*.bin"))
    sql.refresh_tables(trino)
    assert rows(trino, "SELECT count(*), sum(id) FROM helixagent.vectors") == [(900, 499500 - 49500)]


def test_types_come_back_as_python_knows_them(trino: Settings) -> None:
    at = datetime(2026, 1, 30, 12, 0, 0, 123000, tzinfo=UTC)
    table = pa.table(
        {
            "at": pa.array([at], pa.timestamp("us", tz="UTC")),
            "names": pa.array([["a", "b"]], pa.list_(pa.string())),
            "share": pa.array([0.5]),
            "raw": pa.array([b"\x00\xff"], pa.binary()),
            "none": pa.array([None], pa.string()),
        }
    )
    write_deltalake(Path(trino.lake_root) / "typed", table)
    sql.refresh_tables(trino)
    answer = sql.query(trino, "SELECT at, names, share, raw, none FROM helixagent.typed")
    assert answer.types == ("timestamp(3) with time zone", "array(varchar)", "double", "varbinary", "varchar")
    assert answer.rows == [(at, ["a", "b"], 0.5, b"\x00\xff", None)]


@pytest.mark.parametrize("statement", REFUSED)
def test_nobody_changes_the_lake_through_sql(trino: Settings, statement: str) -> None:
    before = open_table(open_lake(trino), LAKE_CONVERSATIONS.name).version()
    with pytest.raises(UsageError, match="Access Denied"):
        sql.query(trino, statement)
    assert open_table(open_lake(trino), LAKE_CONVERSATIONS.name).version() == before


def test_rows_are_bounded_and_a_statement_that_is_wrong_is_told_in_trinos_words(trino: Settings) -> None:
    answer = sql.query(trino, "SELECT n FROM UNNEST(sequence(1, 5000)) AS t(n) ORDER BY n", limit=3)
    assert (answer.rows, answer.truncated) == ([(1,), (2,), (3,)], True)
    with pytest.raises(UsageError, match=r"Trino: line 1:8: Column 'nope' cannot be resolved$"):
        sql.query(trino, "SELECT nope")


def test_a_statement_that_takes_too_long_ends(trino: Settings) -> None:
    short = trino.model_copy(update={"trino": trino.trino.model_copy(update={"timeout_s": 1.0})})
    numbers = "UNNEST(sequence(1, 10000))"
    endless = f"SELECT count(*) FROM {numbers} a(x), {numbers} b(y), {numbers} c(z) WHERE x * y = z"
    with pytest.raises(StoreError, match=r"Query exceeded maximum time limit of 1\.00s"):
        sql.query(short, endless)


def test_no_server_is_told_in_one_line(trino: Settings) -> None:
    nowhere = trino.model_copy(update={"trino": trino.trino.model_copy(update={"port": free_ports(1)[0]})})
    with pytest.raises(StoreError, match=r"no answer from Trino at http://127\.0\.0\.1:\d+: [^\n]+$"):
        sql.query(nowhere, "SELECT 1")


def test_trino_listens_on_loopback_alone(trino: Settings) -> None:
    (status,) = servers.status(trino, ["trino"])
    assert (status.state, status.version) == ("running", "476")
    listening = [one for one in psutil.Process(status.pid).net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    assert {one.laddr.ip.removeprefix("::ffff:") for one in listening} == {"127.0.0.1"}


def test_the_command_prints_a_table_json_or_csv(trino: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIX_HOME", str(trino.home))
    monkeypatch.setenv("HELIX_TRINO_PORT", str(trino.trino.port))
    run = CliRunner().invoke
    found = run(app, ["sql", "SELECT 1 AS one, 'a' AS word", "--json"])
    assert json.loads(found.stdout) == {
        "columns": ["one", "word"],
        "types": ["integer", "varchar(1)"],
        "rows": [[1, "a"]],
        "truncated": False,
    }
    assert run(app, ["sql", "-", "--csv"], input="SELECT 1 AS one, 'a,b' AS word").stdout == 'one,word\n1,"a,b"\n'
    shown = run(app, ["sql", "SELECT '[red]x' AS word", "--limit", "1"])
    assert shown.exit_code == 0
    assert "[red]x" in shown.stdout
    assert isinstance(run(app, ["sql", "DROP TABLE helixagent.conversations"]).exception, UsageError)
    assert isinstance(run(app, ["sql", " "]).exception, UsageError)


def test_a_lake_on_s3_is_queried_alike(tmp_path: Path, trino: Settings) -> None:
    servers.down(trino, ["trino"])  # one at a time: each takes a gigabyte
    with s3_server(tmp_path) as (address, _):
        on_s3 = with_lake(trino.model_copy(update={"home": tmp_path / "home"}), address)
        for settings in running(on_s3):
            assert rows(settings, BY_DAY) == [(2026, 1, 31, 2), (2026, 1, 30, 2)]
            add(open_lake(settings), ("one",))
            assert rows(settings, BY_DAY) == [(2026, 1, 31, 2), (2026, 1, 30, 3)]
            for statement in REFUSED:
                test_nobody_changes_the_lake_through_sql(settings, statement)
            catalog = (settings.home / "trino" / "etc" / "catalog" / "lake.properties").read_text()
            assert "test-only" not in catalog
