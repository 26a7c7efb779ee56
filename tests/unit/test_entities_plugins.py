"""Recognisers that are plugged in by configuration: their real loading code, and answers of models that go wrong."""

import importlib.util
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_server import answered, web_server

from helix_pipeline.domain.entities.recogniser import SPANS, Recogniser
from helix_pipeline.errors import SettingsError, StoreError
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors import gliner_model, llm, spacy_model
from helix_pipeline.stores.extractors.foreign import claimed, kind
from helix_pipeline.stores.extractors.registry import load_recogniser

PLUGIN = """
from helix_pipeline.domain.entities.recogniser import Span, spans

class Shouting:
    version = "shouting-1"
    def recognise(self, texts):
        return spans(Span(row, 0, len(text), text, "CONCEPT", "", 1.0)
                     for row, text in enumerate(texts) if text.isupper())
"""


def test_a_recogniser_of_ones_own_is_made_once_and_its_settings_travel(tmp_path, monkeypatch):
    (tmp_path / "shouting_recogniser.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    settings = GraphSettings(extractor="shouting_recogniser:Shouting")
    recogniser = load_recogniser(settings)
    assert recogniser.recognise(["STOP", "go"])["surface"].to_pylist() == ["STOP"]
    assert load_recogniser(pickle.loads(pickle.dumps(settings))) is recogniser


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("spacey", "graph.extractor: unknown 'spacey'; use one of accurate, fast, gazetteer, gliner, llm, spacy or"),
        (":load", "unknown ':load'"),
        ("no.such.module:load", "cannot load 'no.such.module:load' (No module named 'no')"),
        ("helix_pipeline.domain.entities.types:nothing", "has no attribute 'nothing'"),
        ("helix_pipeline.domain.entities.types:TYPES", "is a tuple; name a function"),
        ("builtins:dict", "made a dict, which lacks `version` or `recognise`"),
        ("spacy", "graph.model is not set"),
        ("gliner", "graph.model is not set"),
        ("llm", "graph.llm_base_url and graph.llm_model: set both"),
    ],
)
def test_a_bad_choice_is_one_clear_line(spec, message):
    with pytest.raises(SettingsError) as failure:
        load_recogniser(GraphSettings(extractor=spec))
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("module", [spacy_model, gliner_model])
def test_a_package_or_model_that_is_not_there_is_one_clear_line(module, tmp_path):
    with pytest.raises(SettingsError) as failure:
        module.load(GraphSettings(model=str(tmp_path / "none")))
    package = module.__name__.rpartition(".")[2].removesuffix("_model")
    installed = importlib.util.find_spec(package) is not None
    assert (str(tmp_path) if installed else f"pip install {package}") in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("PERSON", ("PERSON", "")),
        ("tech/Library", ("TECH", "library")),
        ("GPE", ("LOCATION", "")),
        ("MONEY", ("NUMBER", "unit")),
        ("Chemical_Compound", ("CONCEPT", "chemical compound")),
    ],
)
def test_labels_of_other_models_are_translated(label, meaning):
    assert kind(label) == meaning


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40), st.text(), st.floats())))
def test_whatever_a_model_claims_the_spans_cut_their_text(text, claims):
    found = claimed([text], [claims])
    assert all(text[span.start : span.end] == span.surface != "" and 0 <= span.confidence <= 1 for span in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_of_claims_that_overlap_the_more_confident_one_is_kept():
    claims = [(0, 12, "TECH", 0.4), (0, 6, "ORG", 0.9), (7, 12, "GPE", 0.5), (6, 12, "TECH", 0.5)]
    assert [(span.surface, span.type) for span in claimed(["Google Cloud"], [claims])] == [
        ("Google", "ORGANIZATION"),
        (" Cloud", "TECH"),
    ]


def test_a_pipeline_of_spacy_finds_spans(tmp_path):
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed; it is a plug-in")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "GPE", "pattern": "Zürich"}, {"label": "TECH/library", "pattern": "PyTorch"}])
    pipeline.to_disk(tmp_path / "ruler")
    recogniser = load_recogniser(GraphSettings(extractor="spacy", model=str(tmp_path / "ruler")))
    found = recogniser.recognise(["", "🙂 PyTorch in Zürich"])
    assert [
        (row["row"], row["start"], row["end"], row["surface"], row["type"], row["subtype"]) for row in found.to_pylist()
    ] == [
        (1, 2, 9, "PyTorch", "TECH", "library"),
        (1, 13, 19, "Zürich", "LOCATION", ""),
    ]
    assert isinstance(recogniser, Recogniser)
    assert recogniser.version.startswith("spacy-en_")


def _chat(content: str, reason: str = "stop") -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": reason}]}).encode()


@contextmanager
def model(answer: Callable[[str], bytes], asked: list[Any] | None = None) -> Iterator[GraphSettings]:
    """Settings of a model that answers a text; `asked` collects what it was sent."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        sent = json.loads(body)
        if asked is not None:
            asked.append({"path": request.path, "key": request.headers["Authorization"], **sent})
        answered(request, answer(sent["messages"][-1]["content"]))

    key: Any = "secret-key"
    with web_server(respond) as url:
        yield GraphSettings(
            extractor="llm", llm_base_url=f"{url}/v1", llm_model="small", llm_api_key=key, llm_timeout_s=0.5
        )


def _quoting(*quoted: tuple[str, str, str]) -> Callable[[str], bytes]:
    listed = [{"text": text, "type": type, "subtype": subtype} for text, type, subtype in quoted]
    return lambda _: _chat(f"```json\n{json.dumps({'entities': listed})}\n```")


def test_a_language_model_quotes_and_the_spans_are_searched():
    asked: list[Any] = []
    answer = _quoting(
        ("Go", "TECH", "Language"), ("Go", "TECH", "language"), ("Ana", "PERSON", ""), ("Rust", "TECH", "")
    )
    with model(answer, asked) as settings:
        found = load_recogniser(settings).recognise(["Google: HuGo Go, said Ana 🙂, Go!", " "])
    assert found.schema == SPANS
    spans = [
        (row["row"], row["start"], row["end"], row["surface"], row["type"], row["subtype"]) for row in found.to_pylist()
    ]
    assert spans == [
        (0, 13, 15, "Go", "TECH", "language"),
        (0, 22, 25, "Ana", "PERSON", ""),
        (0, 29, 31, "Go", "TECH", "language"),
    ]
    assert [(one["path"], one["key"], one["model"]) for one in asked] == [
        ("/v1/chat/completions", "Bearer secret-key", "small")
    ]


@pytest.mark.parametrize(
    "content",
    [
        "I found no entities.",
        '{"entities": "none"}',
        '{"entities": [{"text": 5, "type": "TECH"}]}',
        '{"entities": [{"text": "Go", "type": "THING"}]}',
        '{"entities": [{"text": "Go"}]}',
        '{"entities": null}',
        '{"entities": [',
        "{" * 5000 + "}" * 5000,
    ],
)
def test_an_answer_that_is_no_list_of_entities_costs_only_its_own_text(content):
    good = _quoting(("Go", "TECH", ""))("")
    with model(lambda text: good if text == "Go" else _chat(content)) as settings:
        assert load_recogniser(settings).recognise(["odd", "Go"])["row"].to_pylist() == [1]


def test_a_long_text_is_shown_in_parts_and_its_places_are_those_of_the_whole():
    asked: list[Any] = []
    text = "Go " + "x" * llm.LONGEST + " Go"
    with model(_quoting(("Go", "TECH", "")), asked) as settings:
        found = load_recogniser(settings).recognise([text])
    assert len(asked) == 2
    assert [
        text[start:end] for start, end in zip(found["start"].to_pylist(), found["end"].to_pylist(), strict=True)
    ] == ["Go", "Go"]


def _slow(_: str) -> bytes:
    time.sleep(3)
    return b""


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (_slow, "does not answer"),
        (lambda _: b"<html>", "no usable answer"),
        (lambda _: _chat("{}", reason="length"), "no usable answer (it was cut"),
    ],
)
def test_an_endpoint_that_fails_is_one_clear_line_without_the_key(answer, message):
    with model(answer) as settings, pytest.raises(StoreError) as failure:
        load_recogniser(settings).recognise(["Go"])
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)
    assert "secret-key" not in str(failure.value) + repr(settings)


def test_without_onnxruntime_the_accurate_one_says_what_to_install():
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from helix_pipeline.errors import SettingsError\n"
        "from helix_pipeline.settings_sections import GraphSettings\n"
        "from helix_pipeline.stores.extractors.registry import load_recogniser\n"
        "try:\n    load_recogniser(GraphSettings(extractor='accurate'))\n"
        "except SettingsError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "graph.extractor: accurate needs onnxruntime: pip install 'helix-pipeline[entities]'\n"
