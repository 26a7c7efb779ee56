"""Tokens: what stays one word, and that tokens always cut the text they name."""

from entity_data import CORPORA, sentences
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.recognition.tokens import tokenise

ANY = st.text(st.characters(codec="utf-8"))
"""Any Unicode, lone surrogates included."""

CODE_LIKE = st.text(st.sampled_from("aB3._-+#:/\\()<>@$&'’ \n\te\u0301你😀"), max_size=60)  # noqa: RUF001


def cut(text):
    tokens = tokenise([text])
    return [text[start:end] for start, end in zip(tokens.start.tolist(), tokens.end.tolist(), strict=True)]


def test_words_of_programs_stay_whole():
    text = "Use C++, C# or .NET with node.js v2.1.0: std::vector, foo.bar(), /etc/hosts and O(n^2)."
    tokens = "Use C++ , C# or .NET with node.js v2.1.0 : std::vector , foo.bar() , /etc/hosts and O(n^2) ."
    assert " ".join(cut(text)) == tokens


def test_words_of_messages_stay_whole():
    text = "RT @user_1: I don't, it's 7:30 p.m. :) #Monday http://t.co/a?b=c! $5 100% and/or (U.S.)"
    tokens = "RT @user_1 : I do n't , it 's 7:30 p.m. :) #Monday http://t.co/a?b=c ! $5 100% and / or ( U.S. )"
    assert " ".join(cut(text)) == tokens


def test_words_of_other_scripts_keep_their_marks():
    assert cut("cafe\u0301 हिन्दी 你好 😀") == ["cafe\u0301", "हिन्दी", "你好", "😀"]


@given(st.lists(ANY | CODE_LIKE, max_size=6))
def test_tokens_cut_the_text_they_name_and_leave_only_white_space(texts):
    tokens = tokenise(texts)
    left = [list(text) for text in texts]
    for word, row, start, end in zip(
        *(part.tolist() for part in (tokens.word, tokens.row, tokens.start, tokens.end)), strict=True
    ):
        assert tokens.words[word] == texts[row][start:end]
        assert not any(one.isspace() for one in texts[row][start:end])
        left[row][start:end] = [" "] * (end - start)
    assert all(one.isspace() for text in left for one in text)


@given(st.lists(ANY | CODE_LIKE, max_size=6))
def test_each_text_is_read_on_its_own(texts):
    together = tokenise(texts)
    for row, text in enumerate(texts):
        alone, here = tokenise([text]), together.row == row
        assert alone.start.tolist() == together.start[here].tolist()
        assert alone.end.tolist() == together.end[here].tolist()


def test_spans_of_the_corpora_end_where_tokens_do(data):
    for corpus in CORPORA:
        texts = [one.natural() for one in sentences(corpus, "dev", data)]
        tokens = tokenise([one.text for one in texts])
        ends = set(zip(tokens.row.tolist(), tokens.end.tolist(), strict=True))
        starts = set(zip(tokens.row.tolist(), tokens.start.tolist(), strict=True))
        spans = [(row, start, end) for row, one in enumerate(texts) for start, end, _ in one.spans]
        whole = [(row, start) in starts and (row, end) in ends for row, start, end in spans]
        assert sum(whole) > 0.99 * len(whole)
