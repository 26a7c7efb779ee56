"""Evidence: which texts name an entity, and what may be asked for."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.errors import UsageError
from helix_pipeline.services.context.evidence import MAX_NAME, MAX_NAMES, EvidenceRequest, named

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)


def told(texts: list[str], names: list[str]) -> list[bool]:
    return named(pa.chunked_array([texts], pa.string()), names).tolist()


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("We run Docker.", ["docker"], True),
        ("We run dockerd", ["docker"], False),
        ("undocker", ["docker"], False),
        ("k8s", ["Kubernetes", "K8s"], True),
        ("C++ is here", ["c++"], True),
        ("ASP.NET", [".NET"], False),
        ("use .NET", [".NET"], True),
        ("a.b", ["a?b"], False),
        ("ÉCOLE", ["école"], True),
        ("in Zürich", ["z"], False),
        ("line one\nPostgreSQL\nline two", ["postgresql"], True),
        ("هنا مرحبا بالعالم", ["مرحبا بالعالم"], True),
        ('<img src=x onerror="a()">', ['<img src=x onerror="a()">'], True),
        ("anything", [], False),
        ("anything", [""], False),
        ("", ["a"], False),
        ("x" * (MAX_NAME + 1), ["x" * (MAX_NAME + 1)], False),
        ("x" * MAX_NAME, ["x" * MAX_NAME], True),
    ],
)
def test_known_texts(text: str, names: list[str], expected: bool) -> None:
    assert told([text], names) == [expected]


def test_many_long_names_are_no_pattern_too_large() -> None:
    names = [f"{number:03d}" + "é" * (MAX_NAME - 3) for number in range(MAX_NAMES + 10)]
    assert told([names[0], names[-1], "other"], names) == [True, False, False]


@given(NAMES)
def test_a_name_is_found_by_itself_and_not_within_a_word(name: str) -> None:
    assert told([f"see {name} here", f"x{name}x"], [name]) == [True, False]


@given(st.lists(st.text(max_size=20)), st.lists(NAMES, max_size=4))
def test_each_text_has_an_answer_for_itself(texts: list[str], names: list[str]) -> None:
    texts = [text.encode(errors="ignore").decode() for text in texts]
    assert told(texts, names) == [told([text], names)[0] for text in texts]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "neither message_id nor entity"),
        ({"message_id": ""}, "message_id ''"),
        ({"message_id": "m", "limit": 0}, "limit 0"),
        ({"message_id": "m", "limit": 21}, "limit 21"),
        ({"message_id": "m", "neighbours": -1}, "neighbours -1"),
        ({"message_id": "m", "conversation_id": "a\0b"}, "conversation_id"),
    ],
)
def test_what_cannot_be_met_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        EvidenceRequest(**{"conversation_id": "c", **given})  # type: ignore[arg-type]
