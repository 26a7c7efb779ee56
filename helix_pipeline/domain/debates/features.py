"""What of a debate a predictor of its winner sees: models, style and words of the first two participants' turns.

Stateless, so that it runs on any batch of whole debates; as tables of `CONTESTS` the batches can be put together again.
Nothing here reads a verdict.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import HashingVectorizer

from helix_pipeline.domain.debates import wording
from helix_pipeline.domain.debates.analysis import TURNS

PATTERNS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "concession": r"\b(?:conced|admit|grant)\w*",
        "own concession": r"\b(?:i|we|my side) (?:conced|admit|grant|agree)\w*",
        "neglect": r"\b(?:never|unanswered|dodg\w*|evad\w*|ignor\w*|fail(?:s|ed)?)\b",
        "hedge": r"\b(?:may|might|could|perhaps|some|often)\b",
        "reason": r"\b(?:because|therefore|thus|hence)\b",
        "example": r"\b(?:for example|for instance|such as)\b|\be\.g\.",
        "burden": r"\b(?:burden|motion|proposition|judges?)\b",
        "number": r"\d+",
        "question": r"\?",
        "quotation": r"[\"“]",
        "dash": r"—",
        "reference": r"\[\w+[.:]?\d*\]",
    }.items()
}
"""Cues of how a case is argued, counted as ln(1 + occurrences)."""

STYLE = (
    *PATTERNS,
    "words",
    "first words",
    "last words",
    "word length",
    "sentence length",
    "variety",
    "finished",
    "reply",
)
"""Names of the style features: those of `PATTERNS`; ln(1 + words) in all, in the first and in the last turn; mean
characters per word; ln(1 + words per sentence); distinct words per root of words (Guiraud 1954); the share of turns
that end a sentence; the mean cosine of a turn with the other's turn before it."""

HASHED = 2**16
SIDES = ("first", "second")

CONTESTS = pa.schema(
    [
        pa.field("debate_id", pa.string()),
        *(pa.field(f"{side}_model", pa.string()) for side in SIDES),
        *(pa.field(f"{side}_style", pa.list_(pa.float64())) for side in SIDES),
        *(
            pa.field(f"{side}_{text}_{part}", pa.list_(kind))
            for text in ("said", "closed")
            for side in SIDES
            for part, kind in (("words", pa.int32()), ("counts", pa.float64()))
        ),
    ]
)
"""`Contests` row by row: style as in `STYLE`; for each text the numbers of the hashed words in it, and their counts."""

_WORDS_AND_MARKS = r"(?u)\b\w+\b|[^\w\s]"
_WORDS = HashingVectorizer(n_features=HASHED, alternate_sign=False, norm=None, token_pattern=_WORDS_AND_MARKS)
_END = re.compile(r"[.!?]+")
_FINISHED = (".", "!", "?", '"', "”", ")", "*")


@dataclass(frozen=True)
class Contests:
    """n debates as two participants each, the first (index 0) being the one who spoke first.

    `debate_id` (n); `models`, n pairs of names; `style` (2, n, len(`STYLE`)); `said` and `closed`: for each side the
    counts (n, `HASHED`) of words and punctuation in all its turns and in its last.
    """

    debate_id: list[str]
    models: list[tuple[str, str]]
    style: NDArray[np.float64]
    said: tuple[csr_array, csr_array]
    closed: tuple[csr_array, csr_array]

    def __len__(self) -> int:
        return len(self.debate_id)

    def take(self, rows: NDArray[np.intp]) -> "Contests":
        """Return the debates at the given places, in their order."""
        return Contests(
            [self.debate_id[row] for row in rows],
            [self.models[row] for row in rows],
            self.style[:, rows],
            (self.said[0][rows], self.said[1][rows]),
            (self.closed[0][rows], self.closed[1][rows]),
        )


def contests(turns: pa.Table) -> Contests:
    """Return the debates of a table of `TURNS` in order of `debate_id`; those with one participant are left out.

    Participants after the second are not looked at.
    """
    found = _two_sides(turns)
    texts = [[[turn["content"] or "" for turn in spoken] for spoken in sides] for _, sides in found]
    style = np.array([[_style(sides[side]) for sides in texts] for side in (0, 1)], float)
    style = np.concatenate([style.reshape(2, len(found), len(STYLE) - 1), _replies(found)[..., None]], axis=2)
    said, closed = (
        tuple(_counts([part(sides[side]) for sides in texts]) for side in (0, 1)) for part in (" ".join, _last)
    )
    models = [(sides[0][0]["model"], sides[1][0]["model"]) for _, sides in found]
    return Contests([debate for debate, _ in found], models, style, (said[0], said[1]), (closed[0], closed[1]))


def as_table(debates: Contests) -> pa.Table:
    """Return contests as a table of `CONTESTS`, for other processes."""
    columns = [pa.array(debates.debate_id, pa.string()), *map(pa.array, zip(*debates.models, strict=True))]
    columns += [_lists(style.ravel(), np.arange(len(style) + 1) * len(STYLE)) for style in debates.style]
    for counts in (*debates.said, *debates.closed):
        columns += [_lists(counts.indices, counts.indptr), _lists(counts.data, counts.indptr)]
    if not len(debates):
        return CONTESTS.empty_table()
    return pa.table([pa.array(column).cast(f.type) for column, f in zip(columns, CONTESTS, strict=True)], CONTESTS)


def from_table(table: pa.Table) -> Contests:
    """Return the contests of a table of `CONTESTS`, in its order."""
    style = [_flat(table[f"{side}_style"]).reshape(len(table), len(STYLE)) for side in SIDES]
    said, closed = (tuple(_matrix(table, f"{side}_{part}") for side in SIDES) for part in ("said", "closed"))
    models = [table[f"{side}_model"].to_pylist() for side in SIDES]
    return Contests(
        table["debate_id"].to_pylist(),
        list(zip(*models, strict=True)),
        np.array(style),
        (said[0], said[1]),
        (closed[0], closed[1]),
    )


def _lists(values: NDArray[Any], starts: NDArray[Any]) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(values))


def _flat(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(pc.list_flatten(column).to_numpy())


def _matrix(table: pa.Table, name: str) -> csr_array:
    words, counts = (_flat(table[f"{name}_{part}"]) for part in ("words", "counts"))
    starts = np.concatenate([[0], np.cumsum(pc.list_value_length(table[f"{name}_words"]).to_numpy())])
    return csr_array((counts, words, starts), shape=(len(table), HASHED))


_Sides = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _two_sides(turns: pa.Table) -> list[tuple[str, _Sides]]:
    ordered = turns.select(TURNS.names).sort_by([("debate_id", "ascending"), ("turn", "ascending")]).to_pylist()
    debates: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for turn in ordered:
        debates.setdefault(turn["debate_id"], {}).setdefault(turn["participant"], []).append(turn)
    spoken = [(debate, list(sides.values())[:2]) for debate, sides in debates.items()]
    return [(debate, (sides[0], sides[1])) for debate, sides in spoken if len(sides) == 2]


def _last(texts: Sequence[str]) -> str:
    return texts[-1]


def _counts(texts: Sequence[str]) -> csr_array:
    return csr_array(_WORDS.transform(texts)) if texts else csr_array((0, HASHED))


def _style(texts: Sequence[str]) -> list[float]:
    text = " ".join(texts)
    tokens = text.lower().split()
    words = max(len(tokens), 1)
    sizes = wording.words([text, texts[0], texts[-1]])
    return [
        *(float(np.log1p(len(pattern.findall(text)))) for pattern in PATTERNS.values()),
        *np.log1p(sizes),
        sum(map(len, tokens)) / words,
        float(np.log1p(words / max(len(_END.findall(text)), 1))),
        len(set(tokens)) / words**0.5,
        float(np.mean([part.rstrip().endswith(_FINISHED) for part in texts])),
    ]


def _replies(found: Sequence[tuple[str, _Sides]]) -> NDArray[np.float64]:
    """The mean cosine of each side's turns with the turn of the other side just before: (2, debates)."""
    merged = [sorted((*sides[0], *sides[1]), key=lambda turn: turn["turn"]) for _, sides in found]
    flat = [turn for turns in merged for turn in turns]
    vectors = wording.vectors([turn["content"] or "" for turn in flat])
    first = {debate: sides[0][0]["participant"] for debate, sides in found}
    pairs = [
        (at, at + 1)
        for at, (a, b) in enumerate(pairwise(flat))
        if a["debate_id"] == b["debate_id"] and a["participant"] != b["participant"]
    ]
    places = np.array(pairs, np.intp).reshape(-1, 2)
    alike = wording.cosines(vectors, places[:, 0], places[:, 1])
    row = {debate: number for number, (debate, _) in enumerate(found)}
    sums, counts = np.zeros((2, len(found))), np.zeros((2, len(found)))
    for (_, at), value in zip(pairs, alike, strict=True):
        cell = int(flat[at]["participant"] != first[flat[at]["debate_id"]]), row[flat[at]["debate_id"]]
        sums[cell] += value
        counts[cell] += 1
    return sums / np.maximum(counts, 1)
