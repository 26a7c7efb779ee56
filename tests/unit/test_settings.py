"""Settings: which source wins, what `${VAR}` becomes, and errors that name key, value and place but no secret."""

from pathlib import Path

import pytest

from helix_pipeline.errors import SettingsError
from helix_pipeline.settings import ENVIRONMENT, Settings, load

SECRET = "hunter2"
SECRETS = ["clickhouse.password", "neo4j.password", "postgres.url", "minio.secret_key", "minio.access_key"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def failure(
    path: Path, text: str | bytes, environ: dict[str, str] | None = None, flags: dict[str, object] | None = None
) -> str:
    """The message of the error that loading this file ends with."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {}, flags)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_flags_win_over_environment_over_file_over_defaults(path):
    path.write_text("bigdata: {kafka: {port: 1001}}")
    environ = {"HELIX_KAFKA_PORT": "1002"}
    assert load(environ={}).kafka.port == Settings().kafka.port
    assert load(path, {}).kafka.port == 1001
    assert load(path, environ).kafka.port == 1002
    assert load(path, environ, {"kafka.port": 1003}).kafka.port == 1003
    assert load(path, environ, {"kafka.port": None}).kafka.port == 1002


def test_sources_add_up_key_by_key(path):
    path.write_text("bigdata: {kafka: {port: 1001, heap_mb: 300}, lake: {root: /file}}")
    settings = load(path, {"HELIX_LAKE_ROOT": "/environment"}, {"kafka.port": 1003})
    assert (settings.kafka.port, settings.kafka.heap_mb, settings.lake.root) == (1003, 300, "/environment")
    assert settings.neo4j == Settings().neo4j


def test_helix_config_names_the_file_unless_a_path_is_given(path, tmp_path):
    path.write_text("bigdata: {kafka: {port: 1001}}")
    other = tmp_path / "other.yaml"
    other.write_text("bigdata: {kafka: {port: 1002}}")
    environ = {"HELIX_CONFIG": str(other)}
    assert load(environ=environ).kafka.port == 1002
    assert load(path, environ).kafka.port == 1001


@pytest.mark.parametrize(
    ("first", "second"), [("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKERS"), ("NEO4J_USERNAME", "NEO4J_USER")]
)
def test_of_two_names_the_first_wins_and_an_empty_variable_is_unset(first, second):
    key = ENVIRONMENT[first]
    assert value(load(environ={second: "b", first: "a"}), key) == "a"
    assert value(load(environ={second: "b", first: ""}), key) == "b"
    assert load(environ={second: "", first: ""}) == Settings()


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_an_empty_variable_leaves_the_default(name):
    assert load(environ={name: ""}) == Settings()


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("${HOST}", {"HOST": "h"}, "h"),
        ("${HOST:-d}", {"HOST": "h"}, "h"),
        ("${HOST:-d}", {}, "d"),
        ("${HOST:-d}", {"HOST": ""}, "d"),
        ("${HOST:-}", {}, None),
        ("${HOST:-a}.x:${PORT:-1}", {"PORT": "2"}, "a.x:2"),
        ("$HOST", {"HOST": "h"}, "$HOST"),
        ("${HOST}", {"HOST": "${PORT}", "PORT": "2"}, "${PORT}"),
    ],
)
def test_variables_in_the_file(path, text, environ, expected):
    path.write_text(f"bigdata: {{kafka: {{bootstrap_servers: '{text}'}}}}")
    assert load(path, environ).kafka.bootstrap_servers == expected


def test_a_variable_may_hold_a_number_or_a_flag(path):
    path.write_text("bigdata: {kafka: {port: '${PORT}'}, clickhouse: {secure: '${SECURE}'}}")
    settings = load(path, {"PORT": "1001", "SECURE": "true"})
    assert (settings.kafka.port, settings.clickhouse.secure) == (1001, True)


@pytest.mark.parametrize("environ", [{}, {"HOST": ""}])
def test_an_unset_variable_is_named_with_key_and_file(path, environ):
    message = failure(path, "bigdata: {kafka: {bootstrap_servers: '${HOST}'}}", environ)
    assert f"{path}: kafka.bootstrap_servers: ${{HOST}} is not set" in message


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        ("bigdata: {kafka: {port: 70000}}", "kafka.port", "70000"),
        ("bigdata: {kafka: {port: many}}", "kafka.port", "'many'"),
        ("bigdata: {clickhouse: {database: 'a b'}}", "clickhouse.database", "'a b'"),
        ("bigdata: {spark: {driver_memory: lots}}", "spark.driver_memory", "'lots'"),
        ("bigdata: {streams: {restart_limit: -1}}", "streams.restart_limit", "-1"),
        ("bigdata: {kafka: 5}", "kafka", "5"),
        ("bigdata: {kafka: {portt: 5}}", "kafka.portt", "5"),
        ("bigdata: {kafkaa: 5}", "kafkaa", "5"),
        ("bigdata: {kafkaa: {port: 5}}", "kafkaa", "5"),
    ],
)
def test_a_bad_key_or_value_in_the_file_is_named(path, text, key, shown):
    message = failure(path, text)
    assert f"`{key}`" in message and shown in message and str(path) in message


def test_a_bad_value_is_said_to_come_from_the_source_that_won(path):
    text = "bigdata: {kafka: {port: 1001}}"
    variable = failure(path, text, {"HELIX_KAFKA_PORT": "x"})
    assert "`kafka.port` = 'x' (from environment variable HELIX_KAFKA_PORT)" in variable
    assert "`kafka.port` = 'y' (from command line)" in failure(
        path, text, {"HELIX_KAFKA_PORT": "x"}, {"kafka.port": "y"}
    )
    assert "`kafka.portt` = 1 (in command line)" in failure(path, text, flags={"kafka.portt": 1})
    first = failure(path, text, {"KAFKA_REPLICATION_FACTOR": "0", "HELIX_CONFIG": "other.yaml"})
    assert "KAFKA_REPLICATION_FACTOR" in first and "other.yaml" not in first


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kafka: {port: 1}", "kafka"),
        ("bigdata: {}\nother: {}", "other"),
        ("[several]", "several"),
        ("5", "5"),
        ("bigdata: [several]", "several"),
        ("bigdata: text", "text"),
    ],
)
def test_another_top_level_is_named(path, text, found):
    message = failure(path, text)
    assert str(path) in message and "`bigdata`" in message and found in message


def test_bad_yaml_is_named_with_its_line(path):
    message = failure(path, "bigdata:\n  kafka: [1\n")
    assert str(path) in message and "not valid YAML" in message and "line 3" in message


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "bigdata:\n", "bigdata: {kafka: }", "bigdata: {kafka: {port: }}"]
)
def test_what_a_file_leaves_empty_keeps_its_default(path, text):
    path.write_text(text)
    assert load(path, {}) == Settings()
    assert load(path, {"HELIX_KAFKA_PORT": "1002"}).kafka.port == 1002


def test_a_file_that_is_no_text_is_named(path):
    assert str(path) in failure(path, b"bigdata: \xff\n")


def test_a_missing_file_is_named(path):
    with pytest.raises(SettingsError, match=r"settings\.yaml: No such file"):
        load(path, {})


@pytest.mark.parametrize("root", ["ftp://x/lake", "s3a://[x/lake"])
def test_a_lake_elsewhere_than_on_disk_or_s3_is_refused(path, root):
    message = failure(path, f"bigdata: {{lake: {{root: '{root}'}}}}")
    assert "lake.root" in message and repr(root) in message and str(path) in message
    assert "HELIX_LAKE_ROOT" in failure(path, "", {"HELIX_LAKE_ROOT": root})


def test_a_lake_on_s3_has_no_slash_at_its_end():
    assert load(environ={"HELIX_LAKE_ROOT": "s3a://bucket/lake/"}).lake_root == "s3a://bucket/lake"


def test_no_secret_is_shown_by_settings():
    names = ["CLICKHOUSE_PASSWORD", "NEO4J_PASSWORD", "DATABASE_URL", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"]
    settings = load(environ=dict.fromkeys(names, SECRET))
    assert settings.minio.secret_key is not None and settings.minio.secret_key.get_secret_value() == SECRET
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in shown


@pytest.mark.parametrize("key", SECRETS)
def test_a_bad_secret_is_named_but_not_shown(path, key):
    group, leaf = key.split(".")
    message = failure(path, f"bigdata: {{{group}: {{{leaf}: [{SECRET}]}}}}")
    assert f"`{key}`" in message and str(path) in message and SECRET not in message


@pytest.mark.parametrize(
    "line", [f"passwort: {SECRET}", f"secret: {SECRET}", f"password: '{SECRET}", f"password: {SECRET}: x"]
)
def test_a_misspelt_or_broken_secret_is_not_shown(path, line):
    message = failure(path, f"bigdata:\n  clickhouse:\n    {line}\n")
    assert str(path) in message and SECRET not in message


def test_settings_do_not_change_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        load(environ={}).kafka.port = 1  # type: ignore[misc]


def value(settings: Settings, key: str) -> object:
    group, leaf = key.split(".")
    return getattr(getattr(settings, group), leaf)
