"""The extractive strategy: what it promises, on texts worked by hand and on any."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.context.compression import GAP, Kept, compress, message_tokens
from helix_pipeline.domain.context.salience import Coverage, by_worth
from helix_pipeline.domain.context.sentences import sentences

MARK = GAP.rstrip()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("  \n ", []),
        ("One", ["One"]),
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ('He said "yes." Then 3.5 left.', ['He said "yes."', "Then 3.5 left."]),
        ("first line\n\n  second line", ["first line", "second line"]),
        ("今日。明日", ["今日。", "明日"]),
        ("Wait... what", ["Wait...", "what"]),
    ],
)
def test_sentences_end_where_a_reader_sees_them_end(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == parts


@given(st.text())
def test_sentences_leave_nothing_out_and_are_in_order(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_saying_the_same_again_is_worth_less() -> None:
    coverage = Coverage(["red boat", "red boat", "green tree"])
    assert coverage.gain(0) == coverage.gain(1) < coverage.gain(2)
    first = coverage.gain(0)
    coverage.take(0)
    assert coverage.gain(1) == pytest.approx((2**0.5 - 1) * first)


def test_sentences_come_by_worth_per_token_at_the_time() -> None:
    """Alone, `red boat` is worth 1.83 and `tree` 1.61; once it is taken, the same again is worth 0.76."""
    coverage = Coverage(["red boat", "red boat", "tree", "!"])
    order = []
    for place in by_worth(coverage, range(3), lambda _: 2):
        coverage.take(place)
        order.append(place)
    assert order == [0, 2, 1]


def total(speakers: list[str], kept: list[Kept]) -> int:
    return sum(message_tokens(speakers[part.place], part.text) for part in kept)


def test_the_newest_stay_whole_then_the_most_telling_and_the_last_is_cut() -> None:
    texts = ["Yes. Yes.", "My sister Maria moved to Lisbon in 1998. Yes.", "Yes. Yes. Yes.", "See you tomorrow."]
    first, second = compress(["A", "B"] * 2, texts, 21)
    assert first == Kept(1, "My sister Maria moved to Lisbon in 1998." + MARK, False)
    assert second == Kept(3, "See you tomorrow.", True)
    assert compress(["A", "B"] * 2, texts, 22) == [Kept(1, texts[1], True), second]
    assert compress(["A", "B"], [texts[1].removesuffix(" Yes."), texts[3]], 14)[0] == Kept(
        0, "My sister Maria" + MARK, False
    )


def test_what_fits_whole_stays_whole() -> None:
    texts = ["One. Two.\n \n Three.", "Four"]
    assert compress(["A", "B"], texts, 100) == [Kept(0, texts[0], True), Kept(1, texts[1], True)]


@pytest.mark.parametrize("texts", [[], [""], ["   "], ["word " * 50]])
def test_without_room_or_words_nothing_stays(texts: list[str]) -> None:
    assert compress(["A"] * len(texts), texts, 2) == []


def test_one_huge_message_is_cut_to_the_target() -> None:
    [part] = compress(["A"], ["word " * 1000], 100)
    assert 98 <= total(["A"], [part]) <= 100
    assert part.text.startswith("word word") and part.text.endswith(MARK) and not part.complete


WORDS = ["the", "Ann", "saw", "1998", "boat,", "red.", "Lisbon!", "tree\n", "今日。", "Grüße?"]
prose = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)
talk = st.lists(st.tuples(st.sampled_from(["Ann", "Bob", "Dr. Ö"]), prose | st.text(max_size=30)), max_size=25)


@settings(max_examples=200, deadline=None)
@given(talk, st.integers(0, 300), st.sampled_from([0.0, 0.2, 1.0]))
def test_the_target_is_a_promise_and_the_words_are_those_of_the_source(
    said: list[tuple[str, str]], target: int, recent: float
) -> None:
    speakers, texts = [speaker for speaker, _ in said], [text for _, text in said]
    kept = compress(speakers, texts, target, recent)
    assert total(speakers, kept) <= target
    assert kept == compress(speakers, texts, target, recent)
    assert [part.place for part in kept] == sorted({part.place for part in kept})
    for part in kept:
        source, at = texts[part.place], 0
        for piece in part.text.removesuffix(MARK).split(GAP):
            at = source.index(piece, at) + len(piece)
        assert part.complete == (part.text == source.strip())


spoken = st.lists(st.tuples(st.sampled_from(["Ann", "Bob"]), prose.filter(str.strip)), min_size=1, max_size=25)


@settings(max_examples=100, deadline=None)
@given(spoken, st.data())
def test_with_enough_to_say_few_tokens_are_left(said: list[tuple[str, str]], data: st.DataObject) -> None:
    speakers, texts = [speaker for speaker, _ in said], [text for _, text in said]
    everything = sum(message_tokens(*message) for message in said)
    target = data.draw(st.integers(1, everything))
    assert target - total(speakers, compress(speakers, texts, target)) <= 8


def test_the_newest_message_is_never_lost() -> None:
    texts = [f"Number {number} was said by someone." for number in range(40)]
    for length in range(1, 40):
        assert compress(["A"] * length, texts[:length], 20)[-1] == Kept(length - 1, texts[length - 1], True)


def test_a_word_that_is_everywhere_does_not_make_the_search_quadratic() -> None:
    texts = [f"the boat and the tree of number {number % 97} and {number}" for number in range(2000)]
    coverage, looks = Coverage(texts), [0]

    def cost(_: int) -> int:
        looks[0] += 1
        return 10

    for place in by_worth(coverage, range(len(texts)), cost):
        coverage.take(place)
    assert looks[0] < 20 * len(texts)
