"""What known things are used as: one thing at a time is preferred for a use."""

from collections import Counter
from importlib import resources

import pytest

from helix_pipeline.domain import relationships
from helix_pipeline.domain.relationships.roles import kind_of, roles


def test_every_name_is_known_and_used_as_one_thing() -> None:
    lines = resources.files(relationships).joinpath("roles.tsv").read_text(encoding="utf-8").splitlines()[1:]
    listed = Counter(name for line in lines for name in line.split("\t")[1].split("|"))
    assert set(listed.values()) == {1}
    assert len(roles()) == len(listed)


@pytest.mark.parametrize("other", ["tech:neovim", "tech:emacs", "product:vs-code"])
def test_editors_stand_in_for_each_other_whatever_their_type(other: str) -> None:
    kind = other.partition(":")[0].upper()
    assert kind_of("tech:vim", "TECH", "tool") == kind_of(other, kind, "") == "editor"


def test_tools_for_other_ends_do_not() -> None:
    assert kind_of("tech:vim", "TECH", "tool") != kind_of("tech:git", "TECH", "tool")


def test_what_no_list_knows_goes_by_its_sub_type_then_its_type() -> None:
    assert kind_of("tech:quillbase", "TECH", "database") == "database"
    assert kind_of("tech:quillbase", "TECH", "") == "TECH"
