"""Tag sets: what the labels of the corpora stand for."""

import pytest
from entity_data import CORPORA, sentences

from helix_pipeline.domain.entities import types
from helix_pipeline.domain.entities.recognition.labels import GENERAL, SOFTWARE, TAG_SETS


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Language", ("TECH", "language")),
        ("Application", ("TECH", "tool")),
        ("Device", ("PRODUCT", "device")),
        ("Algorithm", ("CONCEPT", "algorithm")),
        ("User_Name", ("PERSON", "user name")),
    ],
)
def test_labels_of_software_stand_for_types(label, kind):
    assert SOFTWARE.kinds[label] == kind


def test_the_inside_of_programs_stays_out_of_the_graph():
    inside = {label for label, kind in SOFTWARE.kinds.items() if not types.in_graph(*kind)}
    assert inside == {
        *("Class", "Function", "Variable", "Value", "Code_Block", "Output_Block", "HTML_XML_Tag", "File_Name"),
        *("Error_Name", "Keyboard_IP", "Version", "User_Name"),
        *("Data_Type", "Data_Structure", "User_Interface_Element"),
    }
    assert all(types.in_graph(*kind) for kind in GENERAL.kinds.values())


def test_every_kind_has_a_known_type():
    assert {kind for tags in TAG_SETS.values() for kind, _ in tags.kinds.values()} <= set(types.TYPES)


def test_tags_alternate_as_chains_expect():
    for tags in TAG_SETS.values():
        assert tags.tags[0] == "O"
        assert tags.tags[1::2] == tuple(f"B-{label}" for label in tags.kinds)
        assert tags.tags[2::2] == tuple(f"I-{label}" for label in tags.kinds)


def test_the_corpora_have_no_other_tags(data):
    for corpus, tags in CORPORA.items():
        for part in ("train", "dev"):
            assert {tag for one in sentences(corpus, part, data) for tag in one.tags} <= set(tags.tags)
