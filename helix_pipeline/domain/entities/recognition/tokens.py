"""Cuts texts into tokens that keep their places: what the recognisers read, and where spans begin and end.

Tokens are close to those of the corpora that recognisers learn from: what programmers write as one word stays one
(`C++`, `.NET`, `node.js`, `std::vector`, `foo.bar()`, `/etc/hosts`, `v2.1.0`), as do links, handles, hashtags and
emoticons; clitics (`'s`, `n't`), brackets, quotes and the marks that end a clause stand alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0980-\u0dff"
    "\u0e30-\u0e4e\u200c\u200d"
)
"""Signs that are part of a word and that `\\w` leaves out: accents, and vowels of Semitic and Indic scripts."""

_W = rf"[\w{_MARKS}]"
_APOSTROPHE = "['\u2019]"
_CLITIC = rf"{_APOSTROPHE}(?:s|m|d|t|re|ve|ll|S|M|D|T|RE|VE|LL)(?!{_W})"

_REPEATED = "|".join(rf"{re.escape(mark)}{{2,}}" for mark in ".!?-=*_~/'\"#+:<>|&)(,;^")

_TOKEN = re.compile(
    "(?:"
    + "|".join(
        [
            r"[^\W\d_]+(?![^\s,!?;.]|\.\S)",  # most words, at no great cost: letters before a space or a clause's end
            r"(?:https?|ftp|file|git|ssh)://[^\s<>\"]*[^\s<>\"'.,:;!?()\[\]{}]|www\.[^\s<>\"]*[^\s<>\"'.,:;!?()\[\]{}]",
            rf"{_W}[\w.+-]{{0,64}}@{_W}+(?:[.-]{_W}+)+",
            rf"{_CLITIC}|[nN]{_APOSTROPHE}[tT](?!{_W})",
            rf"[^\W\d_]{{1,24}}?(?=[nN]{_APOSTROPHE}[tT](?!{_W}))",
            r"&(?:#\d+|[A-Za-z]+);",
            r"</?[A-Za-z][\w:-]*/?>|<3(?!\w)",
            r"[:;=8][-']?[()DPpOo/\\|\[\]*3](?!\w)",
            r"(?:[A-Za-z]\.){2,}(?!\w)",
            r"(?<!\w)(?:[A-Za-z]:|~|\.{1,2})?[/\\](?=\w)[\w.$%@{}+~-]*(?:[/\\][\w.$%@{}+~-]+)*(?<!\.)[/\\]?",
            r"[\w.-]{1,64}(?:[/\\][\w.$-]+){2,}(?<!\.)[/\\]?|[\w-]{1,64}/[\w-]+\.[A-Za-z]\w*",
            rf"[@#.$%]?{_W}+(?:(?:\.|::|->){_W}+)*\([^\s()]{{0,100}}\)",
            r"(?<!\S)--?[A-Za-z]\w*(?:-\w+)*",
            r"[$€£]\d+(?:[.,:]\d+)*|[-+]?\d+(?:[.,:]\d+)*%",
            r"[A-Za-z]\w*(?:\+\+|#|\+)(?![\w+])",
            rf"[@#$%]{_W}+(?:[.:-]{_W}+)*",
            rf"(?<![\w.])\.{_W}+(?:\.{_W}+)*",
            rf"{_W}+(?:(?:[.&*-]|::|:(?=\d)|,(?=\d\d\d(?!\d))){_W}+)*",
            r"->|=>|<=|>=|[!=]==?|:=|/>|</",
            _REPEATED,
            r"\S",
        ]
    )
    + r")\s*"
)
"""A token with the white space after it, so that matches leave nothing out; what precedes the first is white space.

No alternative looks further than a bounded number of characters beyond what it then takes, or beyond a word.
"""


@dataclass(frozen=True)
class Tokens:
    """The tokens of some texts, in order.

    `words` are the different tokens, and `word` int64[tokens] says which one each is; `row` int64[tokens] is the text
    that it is in, and `texts[row][start:end]` is the token, `start` and `end` int64[tokens] in code points.
    """

    words: list[str]
    word: Numbers
    row: Numbers
    start: Numbers
    end: Numbers

    def __len__(self) -> int:
        return len(self.word)


def tokenise(texts: Sequence[str]) -> Tokens:
    """Return the tokens of the texts. Each text is read on its own, and no token has white space in it."""
    joined = "\n".join(texts)
    pieces = _TOKEN.findall(joined)
    numbers = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    words = [piece.rstrip() for piece in numbers]
    word = np.fromiter(map(numbers.__getitem__, pieces), np.int64, len(pieces))
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    starts = len(joined) - int(lengths.sum()) + np.cumsum(lengths) - lengths
    bounds = np.cumsum([0, *(len(text) + 1 for text in texts)])
    row = np.searchsorted(bounds, starts, side="right") - 1
    start = starts - bounds[row]
    return Tokens(words, word, row, start, start + np.fromiter(map(len, words), np.int64, len(words))[word])
