"""The extractor is chosen by configuration, and a bad choice is named."""

import pytest

from helix_pipeline.domain.entities.extractor import EntityExtractor, load_extractor
from helix_pipeline.errors import UsageError

PLUGIN = """
from helix_pipeline.domain.entities.extractor import Mention

class Shouting:
    version = "shouting-1"
    def extract_batch(self, texts):
        return [[Mention(f"concept:{text.lower()}", text, "CONCEPT", 0, len(text), 1.0)][: text.isupper()]
                for text in texts]
    def extract_ids_batch(self, texts):
        return [[mention.id for mention in mentions] for mentions in self.extract_batch(texts)]
    def entity(self, id):
        return id.partition(":")[2].upper(), "CONCEPT"
"""


def test_the_built_in_one_is_made_once():
    extractor = load_extractor()
    assert isinstance(extractor, EntityExtractor)
    assert load_extractor() is extractor


def test_another_extractor_is_plugged_in(tmp_path, monkeypatch):
    (tmp_path / "shouting_extractor.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    extractor = load_extractor("shouting_extractor:Shouting")
    assert extractor.extract_ids_batch(["STOP", "go"]) == [["concept:stop"], []]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("spacy", "unknown extractor 'spacy'; use one of gazetteer or package.module:factory"),
        (":load", "unknown extractor ':load'"),
        ("no.such.module:load", "cannot load the extractor 'no.such.module:load'"),
        ("helix_pipeline.domain.entities.gazetteer:nothing", "has no attribute 'nothing'"),
        ("helix_pipeline.domain.entities.gazetteer:TYPES", "TYPES is a frozenset; name a function"),
        ("builtins:dict", "made a dict, which lacks one of version"),
    ],
)
def test_a_bad_choice_is_one_clear_line(spec, message):
    with pytest.raises(UsageError) as failure:
        load_extractor(spec)
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)
