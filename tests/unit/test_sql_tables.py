"""Which tables are registered with Trino is a difference of what is there; tables are found on disk by their logs."""

from pathlib import Path

from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.stores.lake import Lake, create_tables, table_names
from helix_pipeline.stores.sql import changes


def test_changes_are_what_is_new_and_what_is_gone():
    assert changes({"b", "a", "c"}, {"c", "z", "y"}) == (["a", "b"], ["y", "z"])
    assert changes(set(), set()) == ([], [])
    assert changes({"a"}, {"a"}) == ([], [])


def test_tables_are_folders_with_a_log_and_a_plain_name(tmp_path: Path):
    lake = Lake(str(tmp_path / "lake"))
    assert table_names(lake) == []
    create_tables(lake, LAKE_TABLES)
    (tmp_path / "lake" / "archive" / "conversations").mkdir(parents=True)
    (tmp_path / "lake" / "no'sql" / "_delta_log").mkdir(parents=True)
    (tmp_path / "lake" / "READY").touch()
    assert table_names(lake) == ["conversations", "debates", "knowledge", "provider_calls", "quarantine"]
    assert table_names(Lake(f"file://{tmp_path}/lake")) == table_names(lake)
