"""Names against queries: which fits better, rankings made one, and what Lucene is asked."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.cli.graph_output import BAR, bar
from helix_pipeline.domain.knowledge.answers import Found
from helix_pipeline.domain.knowledge.matching import EMOJI, LONGEST_WORD, MOST_WORDS, alike, fit, fused, score
from helix_pipeline.stores.graph_search import lucene, phrase, together


def test_what_fits_better_comes_first():
    names = [("Docker", ()), ("Moby", ("docker",)), ("Docker Hub", ()), ("My dockers", ()), ("Dokcer", ())]
    found = [fit(" DOCKER ", name, aliases, 1.0) for name, aliases in names]
    assert [one[0] for one in found] == [1.0, 0.95, 0.8, 0.65, 0.6]
    assert [one[1] for one in found] == ["Docker", "docker", "Docker Hub", "My dockers", "Dokcer"]


def test_names_are_alike_by_their_words():
    assert alike("dokcer", ["Docker"]) == pytest.approx(5 / 6)
    assert alike("dokcer", ["Docker Hub"]) == pytest.approx(5 / 6 * 0.85)
    assert alike("docker hu", ["Docker Hub"]) == pytest.approx((1 + 2 / 3) / 2)
    assert alike("docker", ["Helm", "docker", "x"]) == 1
    assert alike("go", ["Rust"]) == alike("", ["Rust"]) == alike("go", []) == alike("go", ["+"]) == 0


def test_of_names_that_fit_alike_the_more_mentioned_comes_first_but_never_before_a_better_one():
    assert score(0.8, 100, 100) > score(0.8, 10, 100) > score(0.8, 0, 100)
    assert score(1.0, 0, 10**9) >= score(0.8, 10**9, 10**9)
    assert score(1.0, 0, 0) == pytest.approx(0.8)


def test_rankings_are_fused_by_reciprocal_ranks():
    assert fused([["a", "b"], ["b", "c"]]) == pytest.approx({"b": (61 / 62 + 1) / 2, "a": 0.5, "c": 61 / 62 / 2})
    assert list(fused([["a", "b"], ["b", "c"]])) == ["b", "a", "c"]
    assert fused([["a"], ["a"]]) == {"a": 1.0}
    assert fused([]) == fused([[]]) == {}


def test_what_is_found_by_name_and_by_meaning_is_one_ranking_and_who_is_called_so_stays_first():
    found = {id: Found(id, id.title(), "TECH", 0.5, 1, id.title()) for id in "abcd"}
    named = [found["a"], replace(found["b"], matched="DocKer"), found["c"]]
    meant = [replace(found["c"], matched="by meaning"), found["d"], found["a"]]
    both = together(" docker ", named, meant)
    assert [one.id for one in both] == ["b", "a", "c", "d"]
    assert [one.score for one in both] == pytest.approx([1, (1 + 61 / 63) / 2, (1 + 61 / 63) / 2, 61 / 62 / 2])
    assert both[2].matched == "C"
    assert [one.score for one in together("x", [], meant)] == pytest.approx([0.5, 61 / 124, 61 / 126])
    assert together("x", [], []) == []


def test_what_lucene_is_asked():
    assert lucene("Docker") == '"docker"^8 (+("docker"^4 docker*^2 docker~1))'
    assert lucene("Go kubernetes") == '"go kubernetes"^8 (+("go"^4) +("kubernetes"^4 kubernetes*^2 kubernetes~2))'
    assert lucene("C++") == '"c++"^8 (+("c"^4 c*^2))'
    assert lucene("💥") == '"💥"^8 (+("💥"^4 💥*^2))'
    assert lucene(' \t"\\') == '"\\"\\\\"^8'
    assert lucene("") == lucene(" \n ") == ""
    assert phrase('a "b" \\') == '"a \\"b\\" \\\\"'


WORD = rf"[\w{EMOJI}]+"
_ASKED = re.compile(
    rf'"(?:[^"\\]|\\["\\])*"\^8(?: \((?: ?\+\("{WORD}"\^4(?: {WORD}\*\^2)?(?: {WORD}~[12])?\))+\))?', re.DOTALL
)


@given(st.text())
def test_nothing_of_a_query_is_syntax(query):
    asked = lucene(query)
    assert bool(asked) == bool(query.split())
    assert not asked or _ASKED.fullmatch(asked)
    assert len(asked) < 4 * MOST_WORDS * LONGEST_WORD * 4


def test_bars_show_eighths():
    assert bar(0) == " " * BAR
    assert bar(1) == bar(2) == "█" * BAR
    assert bar(0.5) == "█" * (BAR // 2) + " " * (BAR - BAR // 2)
    assert bar(1 / (8 * BAR)).strip() == "▏"
    assert len(bar(0.37)) == BAR
