"""What texts state: sentences worked by hand, the set of `bench/statements.tsv`, and properties over any text."""

import pyarrow as pa
import pytest
from entity_relations import load, measured, parse, read
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.extraction import MENTIONS
from helix_pipeline.domain.relationships.statements import STATEMENTS, speaker, statements

ANY = st.text(max_size=80)
CUES = """I we use uses used by prefer decided on switched from to instead of not no longer n't is part of replaced with
alternative to include written in , . ? and or if my favourite ( ) ' " """
SPOKEN = st.sampled_from([*CUES.split(), "\n"])


def facts(line: str) -> dict[tuple[str, str, str, bool], float]:
    [found] = read([parse(f"{line}\t")])
    return {tuple(fact): confidence for fact, confidence in found.items()}


def mention(row: int, text: str, start: int, end: int, **other: object) -> dict[str, object]:
    surface = text[start:end]
    name = {"surface": surface, "entity_id": surface.lower(), "entity_name": surface, "reason": ""}
    return {"row": row, "start": start, "end": end, "type": "TECH", "subtype": "", "confidence": 1.0, **name, **other}


def stated(texts: list[str], mentions: list[dict[str, object]], who: str | None = "i") -> list[dict[str, object]]:
    return statements(texts, pa.Table.from_pylist(mentions, schema=MENTIONS), [who] * len(texts)).to_pylist()


@pytest.mark.parametrize("part", ["dev", "test"])
def test_the_set_written_by_hand_is_read(part: str) -> None:
    found = measured([one for one in load() if one.part == part])
    assert found["sentences"] > 100
    assert found["all"]["precision"] >= 0.95
    assert found["all"]["recall"] >= 0.95
    assert found["hedges_marked"] == 1.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[Alice|PERSON] uses [Vim].", ("alice", "uses", "vim", False)),
        ("[Vim] is used by [Alice|PERSON].", ("alice", "uses", "vim", False)),
        ("[Alice|PERSON] no longer uses [Vim].", ("alice", "uses", "vim", True)),
        ("Our service relies on [Redis].", ("user:i", "uses", "redis", False)),
        ("[Flask] depends on [Jinja].", ("flask", "depends_on", "jinja", False)),
        ("[Jinja] is required by [Flask].", ("flask", "depends_on", "jinja", False)),
        ("[Redis] is a store written in [C|language].", ("redis", "written_in", "c", False)),
        ("[Downtime|CONCEPT] was caused by [Redis].", ("downtime", "caused_by", "redis", False)),
        ("[Redis] causes [downtime|CONCEPT].", ("downtime", "caused_by", "redis", False)),
        ("[Hadoop] consists of [HDFS].", ("hdfs", "part_of", "hadoop", False)),
        ("[Podman] vs. [Docker] again.", ("podman", "alternative_to", "docker", False)),
        ("I haven\u2019t stopped using [Vim].", ("user:i", "uses", "vim", False)),
        ("We will use [Kafka].", ("user:i", "decided", "kafka", False)),
        ("The UI is written in [Qt|framework], and [KDE|PRODUCT] is written in [Qt|framework].", None),
    ],
)
def test_a_cue_states_its_relation_in_its_direction(line: str, expected: tuple[str, str, str, bool] | None) -> None:
    assert set(facts(line)) == ({expected} if expected else {("kde", "uses", "qt", False)})


def test_confidence_falls_with_doubt_condition_and_past() -> None:
    lines = ["I use [Vim].", "I think I use [Vim].", "I use [Vim] if asked.", "I used [Vim].", "Maybe I use [Vim]."]
    sure, *unsure = (facts(line)["user:i", "uses", "vim", False] for line in lines)
    assert sure == pytest.approx(0.9)
    assert [one / sure for one in unsure] == pytest.approx([0.65, 0.6, 0.7, 0.5])


def test_confidence_is_at_most_that_of_the_less_sure_mention() -> None:
    text = "Redis uses Lua."
    [found] = stated([text], [mention(0, text, 0, 5, confidence=0.5), mention(0, text, 11, 14, confidence=0.8)])
    assert found["confidence"] == pytest.approx(0.9 * 0.5)


def test_first_person_is_about_who_speaks_and_about_nobody_without() -> None:
    text = "I use Vim."
    named = [mention(0, text, 6, 9, subtype="editor")]
    [found] = stated([text], named, speaker("user", "u7"))
    assert (found["subject_id"], found["object_kind"], text[found["start"] : found["end"]]) == (
        "user:u7",
        "editor",
        "use Vim",
    )
    assert stated([text], named, speaker("assistant", "u7")) == []
    assert stated([text], named, speaker("user", None)) == []


@pytest.mark.parametrize(
    "kind", [{"type": "DATE"}, {"subtype": "variable"}, {"subtype": "version"}, {"type": "PERSON"}]
)
def test_only_what_is_in_the_graph_and_fits_the_relation_is_stated(kind: dict[str, str]) -> None:
    text = "I use Vim."
    assert stated([text], [mention(0, text, 6, 9, **kind)]) == []


def test_code_and_quoted_lines_state_nothing() -> None:
    text = "We use Vim.\n> We use Vim.\n```\nWe use Vim.\n```\nWe use Vim."
    starts = [place for place in range(len(text)) if text.startswith("Vim", place)]
    found = stated([text], [mention(0, text, start, start + 3) for start in starts])
    assert [row["end"] for row in found] == [starts[0] + 3, starts[3] + 3]


def test_a_name_with_a_stop_does_not_end_the_sentence_and_an_abbreviation_neither() -> None:
    assert ("user:i", "uses", "node.js", False) in facts("We use e.g. [Node.js] a lot.")
    assert set(facts("We use [Node.js]. [Vim] is fine.")) == {("user:i", "uses", "node.js", False)}


def test_nothing_named_states_nothing() -> None:
    found = statements(["We use it."], MENTIONS.empty_table(), ["i"])
    assert found.schema == STATEMENTS
    assert found.num_rows == 0


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A text of cue words, names and anything else, and where its names are."""
    parts = draw(st.lists(st.tuples(st.booleans(), SPOKEN, ANY), max_size=14))
    text, spans = "", []
    for named, word, other in parts:
        if named:
            spans.append((len(text), len(text) + len(other) + 1))
            text += f"N{other} "
        else:
            text += f"{word} "
    return text, spans


@given(st.lists(texts(), max_size=4))
def test_any_text_is_read_alone_and_its_words_are_within_it(
    given_texts: list[tuple[str, list[tuple[int, int]]]],
) -> None:
    contents = [text for text, _ in given_texts]
    named = [
        [mention(row, text, *span, entity_id=f"e{at % 3}") for at, span in enumerate(spans)]
        for row, (text, spans) in enumerate(given_texts)
    ]
    together = stated(contents, [one for listed in named for one in listed])
    alone = [
        {**found, "row": row}
        for row, listed in enumerate(named)
        for found in stated([contents[row]], [{**one, "row": 0} for one in listed])
    ]
    assert together == alone
    for found in together:
        assert 0 <= found["start"] < found["end"] <= len(contents[found["row"]])
        assert 0 <= found["confidence"] <= 1
        assert found["subject_id"] != found["object_id"]
