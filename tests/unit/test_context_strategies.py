"""The strategies: budgets that are kept, order, wording, the newest messages; by hand and on any conversation."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from context_tables import conversation, conversations
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from helix_pipeline.domain.context.encodings import ENCODINGS, counter
from helix_pipeline.domain.context.engine import analysed, compress
from helix_pipeline.domain.context.fitting import fitted
from helix_pipeline.domain.context.layout import GAP, LINE_TOKENS, laid_out
from helix_pipeline.domain.context.request import STRATEGIES, CompressionRequest
from helix_pipeline.domain.context.result import CompressedContext, KeptMessage
from helix_pipeline.domain.context.strategies import Plan
from helix_pipeline.domain.context.text import Text, split_sentences
from helix_pipeline.errors import UsageError

REQUESTS = st.builds(
    CompressionRequest,
    strategy=st.sampled_from(STRATEGIES),
    max_tokens=st.none() | st.integers(20, 300),
    ratio=st.floats(0.2, 1),
    importance_threshold=st.floats(0, 1),
    encoding=st.sampled_from(ENCODINGS),
)
LONG = conversation(
    *(
        ("Ann" if place % 2 else "Bo", f"Wow, great! I moved to town {place} on {place % 28 + 1} May. It was so nice.")
        for place in range(200)
    )
)


def attempt(messages: pa.Table, request: CompressionRequest) -> CompressedContext | None:
    """Compress, or return None where the budget holds no word."""
    try:
        return compress(messages, request)
    except UsageError:
        return None


def kept(context: CompressedContext) -> list[KeptMessage]:
    return [*context.selected, *context.recent]


def tokens_sent(context: CompressedContext) -> int:
    count = counter(context.stats.encoding).count
    return sum(count(one.name or one.role) + LINE_TOKENS + count(one.content) for one in context.messages)


@settings(max_examples=50, deadline=None)
@given(conversations(), REQUESTS)
def test_no_more_is_sent_than_the_budget_and_the_figure_is_what_is_sent(
    messages: pa.Table, request: CompressionRequest
) -> None:
    context = attempt(messages, request)
    if context:
        assert tokens_sent(context) == context.stats.compressed_tokens <= context.stats.budget_tokens


@settings(max_examples=50, deadline=None)
@given(conversations(), REQUESTS)
def test_what_is_kept_stands_in_its_message_in_order(messages: pa.Table, request: CompressionRequest) -> None:
    context = attempt(messages, request)
    texts = messages["content"].to_pylist()
    for one in kept(context) if context else []:
        after = 0
        for part in one.text.split(GAP.strip()) if not one.complete else [one.text]:
            after = texts[one.place].index(part.strip(), after) + len(part.strip())
    places = [one.place for one in kept(context)] if context else []
    assert places == sorted(set(places))


@settings(max_examples=50, deadline=None)
@given(conversations(), REQUESTS)
def test_the_newest_message_is_there_and_the_recent_ones_are_whole(
    messages: pa.Table, request: CompressionRequest
) -> None:
    context = attempt(messages, request)
    if context:
        assert kept(context)[-1].place == len(messages) - 1
        assert [one.place for one in context.recent] == list(range(context.recent[0].place, len(messages)))
        assert all(one.complete for one in context.recent) or len(context.recent) == 1


@settings(max_examples=50, deadline=None)
@given(conversations(), REQUESTS)
def test_the_same_input_gives_the_same_output(messages: pa.Table, request: CompressionRequest) -> None:
    first, second = attempt(messages, request), attempt(messages, request)
    if first and second:
        assert (first.messages, first.summary, first.key_entities, first.stats.quality_score) == (
            second.messages,
            second.summary,
            second.key_entities,
            second.stats.quality_score,
        )
    else:
        assert first is second is None


@settings(max_examples=50, deadline=None)
@given(conversations())
def test_a_budget_for_all_keeps_all(messages: pa.Table) -> None:
    context = compress(messages, CompressionRequest(ratio=1.0))
    assert [one.text for one in kept(context)] == messages["content"].to_pylist()
    assert context.stats.ratio == context.stats.quality_score == 1
    assert context.warning is None


@settings(max_examples=50, deadline=None)
@given(conversations(), REQUESTS)
def test_older_messages_say_no_sentence_twice(messages: pa.Table, request: CompressionRequest) -> None:
    context = attempt(messages, request)
    if context and len(kept(context)) < len(messages):
        texts = pa.array([one.text for one in context.selected], pa.string())
        said = [part.strip() for text in texts.to_pylist() for part in _parts(text)]
        assert len(said) == len(set(said))


def test_what_is_said_again_is_kept_once() -> None:
    said = [("Bo", f"I bought lamp {place} in Oslo last May.") for place in range(20)]
    again = [("Ann", "My sister moved to Bergen in June.")] * 3
    context = compress(conversation(*again, *said, *again, ("Bo", "Yes.")), CompressionRequest(ratio=0.6))
    assert sum("Bergen" in one.text for one in context.selected) == 1


def _parts(text: str) -> list[str]:
    if "…" in text:
        return []
    return [one for one in split_sentences(pa.array([text]))[0].to_pylist() if one.strip()]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("tokens", [150, 200, 400, 1000, 2400])
def test_the_budget_is_used_to_within_two_per_cent(strategy: str, tokens: int) -> None:
    stats = compress(LONG, CompressionRequest(strategy=strategy, max_tokens=tokens, ratio=None)).stats
    assert 0.98 * tokens <= stats.compressed_tokens <= tokens


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
def test_exact_encodings_keep_the_budget_as_well(encoding: str) -> None:
    context = compress(LONG, CompressionRequest(max_tokens=700, ratio=None, encoding=encoding))
    assert 0.98 * 700 <= tokens_sent(context) == context.stats.compressed_tokens <= 700


class Letters:
    """Counts letters, and takes each sentence for five shorter than it is: adding up promises too much."""

    encoding = "letters"

    def count(self, text: str) -> int:
        return len(text)

    def counts(self, texts: pa.StringArray) -> NDArray[np.int64]:
        return np.array([len(one) for one in texts.to_pylist()], np.int64)

    def of_sentences(self, text: Text) -> NDArray[np.int64]:
        return np.maximum(1, self.counts(text.sentences) - 5)

    def longest_prefix(self, text: str, limit: int) -> int:
        return max(0, text[: max(0, limit) + 1].rfind(" "))


@pytest.mark.parametrize("budget", [300, 1000, 4000])
def test_a_choice_that_costs_more_than_it_seemed_is_corrected(budget: int) -> None:
    known = analysed(LONG)
    layout = laid_out(LONG, known.text, Letters())
    found = fitted(layout, Letters(), Plan(0.1, known.importance), budget)
    assert 0.98 * budget <= found.tokens <= budget


def test_the_date_stands_once_before_the_first_kept_message_of_each_day() -> None:
    context = compress(LONG.slice(0, 3), CompressionRequest(ratio=1.0))
    assert (context.messages[0].role, context.messages[0].content) == ("system", "1 June 2026")
    assert [one.name for one in context.messages] == [None, "Bo", "Ann", "Bo"]


def test_kept_messages_say_who_and_when() -> None:
    one = compress(LONG, CompressionRequest(ratio=1.0)).selected[0]
    assert (one.message_id, one.sequence, one.speaker, one.role) == ("m0", 0, "Bo", "user")
    assert one.timestamp == datetime(2026, 6, 1, 9, tzinfo=UTC)


def test_who_has_neither_name_nor_role_is_a_user() -> None:
    nobody = pa.nulls(3, pa.string())
    messages = LONG.slice(0, 3).drop(["name", "role"]).append_column("name", nobody).append_column("role", nobody)
    context = compress(messages.select(LONG.schema.names), CompressionRequest(ratio=1.0))
    assert {(one.speaker, one.role) for one in kept(context)} == {("user", "user")}
    assert tokens_sent(context) == context.stats.compressed_tokens


def test_a_budget_under_the_newest_message_cuts_it_after_a_word() -> None:
    messages = conversation(("Ann", "Hello."), ("Bo", "one two three four five six seven eight nine ten eleven"))
    context = compress(messages, CompressionRequest(max_tokens=9, ratio=None))
    assert [one.content for one in context.messages] == ["one two three four five …"]
    assert not context.recent[0].complete
    assert context.stats.compressed_tokens == 9


def test_a_budget_for_no_word_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="max_tokens or ratio"):
        compress(conversation(("Bo", "one two three four")), CompressionRequest(max_tokens=3, ratio=None))


def test_an_empty_conversation_gives_an_empty_context() -> None:
    context = compress(conversation(), CompressionRequest())
    assert (context.messages, context.stats.original_tokens, context.warning) == ((), 0, None)


def test_messages_without_text_take_no_room_unless_they_are_the_newest() -> None:
    messages = conversation(*[("Ann", "")] * 5, ("Bo", "I moved to Oslo in May with my sister."), ("Ann", ""))
    context = compress(messages, CompressionRequest(max_tokens=20, ratio=None))
    assert [one.text for one in kept(context)] == ["I moved to Oslo in May with my sister.", ""]


def test_one_huge_message_is_cut_to_the_budget() -> None:
    huge = conversation(("Bo", " ".join(f"Line {number} says something." for number in range(5000))))
    context = compress(huge, CompressionRequest(max_tokens=500, ratio=None))
    assert 490 <= context.stats.compressed_tokens <= 500
    assert context.recent[0].text.startswith("Line 0 says something. Line 1")


def test_adding_a_message_keeps_the_newest_ones() -> None:
    for size in range(150, 160):
        context = compress(LONG.slice(0, size), CompressionRequest(max_tokens=400, ratio=None))
        assert context.recent[-1].text == LONG["content"][size - 1].as_py()


def test_important_sentences_stay_rather_than_greetings() -> None:
    context = compress(LONG, CompressionRequest(ratio=0.3))
    said = " ".join(one.text for one in context.selected)
    assert said.count("I moved to town") > 10 * max(1, said.count("Wow, great!"))


def test_a_query_brings_in_what_is_relevant() -> None:
    relevance = np.zeros(200)
    relevance[17] = 0.9
    context = compress(LONG, CompressionRequest(max_tokens=150, ratio=None, query="town 17"), relevance)
    assert "I moved to town 17 on 18 May." in next(one for one in context.selected if one.place == 17).text
    assert context.stats.quality_score > 0.5


def test_window_keeps_more_of_the_newest_and_full_covers_all_parts() -> None:
    window, full, hybrid = (compress(LONG, CompressionRequest(strategy=one)) for one in ("window", "full", "hybrid"))
    assert len(window.recent) > 2 * len(hybrid.recent)
    tenths = {one.place // 20 for one in kept(full)}
    assert tenths == set(range(10))


def test_entity_keeps_what_is_said_of_the_main_entity() -> None:
    dull = [("Ann", f"Hm, and Ludmilla then, number {place}.") for place in range(20)]
    telling = [("Bo", f"I bought lamp {place} for my sister in the city last May.") for place in range(80)]
    messages = conversation(*telling[:40], *dull, *telling[40:])
    entity, hybrid = (compress(messages, CompressionRequest(strategy=one, ratio=0.3)) for one in ("entity", "hybrid"))
    mentions = [sum("Ludmilla" in one.text for one in context.selected) for context in (entity, hybrid)]
    assert mentions == [20, 0]


def test_an_analysis_serves_as_the_conversation() -> None:
    request = CompressionRequest(ratio=0.2)
    assert compress(analysed(LONG), request).messages == compress(LONG, request).messages
