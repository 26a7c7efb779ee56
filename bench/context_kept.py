"""What a compressed context keeps of the answers when no question is known: evidence, and the words of the answers.

On LoCoMo, each conversation with weights learned from the others. Evidence is counted in three ways: any part of an
evidence message; the share of its tokens; and the sentence in it that answers (`training/importance.py` says which).
The answer's words are counted in what is kept of the evidence messages: elsewhere they stand by chance.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[1] / "training"))

from harness import publish
from importance import Example, evidence_shares, examples, fit, terms
from locomo import Question

from helix_pipeline.domain.context.encodings import counter
from helix_pipeline.domain.context.engine import Analysis, analysed, compress
from helix_pipeline.domain.context.layout import GAP, Layout, laid_out
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.result import CompressedContext

Floats = NDArray[np.float64]
Keeper = Callable[["Conversation", float], NDArray[np.bool_]]

BUDGETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
CALIBRATION = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
MEASURES = ("any part", "tokens", "answering sentence", "words of the answer")
RESAMPLES = 2000
SEED = 20260601


@dataclass(frozen=True)
class Conversation:
    """A conversation of LoCoMo, analysed with weights that have not seen it."""

    example: Example
    known: Analysis
    layout: Layout
    words: list[set[str]]


def held_out() -> dict[str, Conversation]:
    """Return each conversation, analysed by a model that was learned from the others."""
    found = examples()
    return {name: _prepared(one, [other for key, other in found.items() if key != name]) for name, one in found.items()}


def _prepared(example: Example, others: list[Example]) -> Conversation:
    known = analysed(example.messages, fit(others))
    layout = laid_out(example.messages, known.text, counter("estimate"))
    return Conversation(example, known, layout, [terms(one) for one in known.text.sentences.to_pylist()])


def kept_by_engine(conversation: Conversation, ratio: float) -> NDArray[np.bool_]:
    """Return which sentences the default strategy keeps, bool[sentences]."""
    return kept_sentences(conversation, compress(conversation.known, CompressionRequest(ratio=ratio)))


def kept_sentences(conversation: Conversation, context: CompressedContext) -> NDArray[np.bool_]:
    """Return which sentences a context has, bool[sentences]; a cut one counts as left out."""
    text = conversation.known.text
    said = {one.place: one.text.split(GAP) for one in (*context.selected, *context.recent)}
    sentences = zip(text.sentences.to_pylist(), text.text_of.tolist(), strict=True)
    return np.array([any(one.strip() in part for part in said.get(place, ())) for one, place in sentences], bool)


def simple(worth: Callable[[Conversation], Floats], whole: bool) -> Keeper:
    """Return a baseline: whole messages, or sentences, by worth per token as long as they fit; no dates."""

    def keep(conversation: Conversation, ratio: float) -> NDArray[np.bool_]:
        layout, of = conversation.layout, conversation.known.text.text_of
        unit = of if whole else np.arange(len(of))
        tokens = np.bincount(unit, layout.tokens)
        value = np.bincount(unit, worth(conversation))
        left, opened, kept = ratio * layout.original, set(), np.zeros(len(tokens), bool)
        for place in np.argsort(-value / np.maximum(1, tokens), kind="stable").tolist():
            message = place if whole else int(of[place])
            cost = tokens[place] + (0 if message in opened else layout.opening[message])
            if cost <= left:
                kept[place], left = True, left - cost
                opened.add(message)
        return kept[unit]

    return keep


def _rarity(conversation: Conversation) -> Floats:
    return conversation.example.columns["rarity"].astype(float)


def _random(conversation: Conversation) -> Floats:
    return np.random.default_rng(SEED).random(len(conversation.layout.opening))[conversation.known.text.text_of]


def _newest(conversation: Conversation) -> Floats:
    return conversation.known.text.text_of * conversation.layout.tokens.astype(float)


def _first(conversation: Conversation) -> Floats:
    return (conversation.example.columns["place"] == 0) * conversation.layout.tokens.astype(float)


KEEPERS: dict[str, Keeper] = {
    "helix hybrid": kept_by_engine,
    "uniform, messages": simple(lambda one: _random(one) * one.layout.tokens, whole=True),
    "newest, messages": simple(_newest, whole=True),
    "idf / length, messages": simple(_rarity, whole=True),
    "idf / length, sentences": simple(_rarity, whole=False),
    "first sentences": simple(_first, whole=False),
}


def measured(
    conversation: Conversation, kept: NDArray[np.bool_], questions: Sequence[Question] | None = None
) -> dict[str, list[Floats]]:
    """Return the measures of each question, as `MEASURES`, by category; nan where an answer has no word to find.

    Of all questions about the conversation where none are given.
    """
    rows: dict[str, list[Floats]] = {}
    text, tokens = conversation.known.text, conversation.layout.tokens
    for question in conversation.example.questions if questions is None else questions:
        shares = evidence_shares(conversation.example.messages, text, question)
        each = [_of_message(kept[place], tokens[place], share) for place, share in shares]
        said = [number for place, _ in shares for number in range(place.start, place.stop)]
        answer = terms(question.answer) & _union(conversation.words, said)
        found = answer & _union(conversation.words, [number for number in said if kept[number]])
        words = len(found) / len(answer) if answer else np.nan
        rows.setdefault(question.category, []).append(np.array([*np.sum(each, axis=0) / len(question.evidence), words]))
    return rows


def _all(by_category: dict[str, list[Floats]]) -> Floats:
    return np.array([row for rows in by_category.values() for row in rows])


def _of_message(kept: NDArray[np.bool_], tokens: NDArray[np.int64], share: Floats) -> tuple[float, float, float]:
    return float(kept.any()), float(tokens[kept].sum() / max(1, tokens.sum())), float(share[kept].sum() / share.sum())


def _union(words: list[set[str]], places: list[int]) -> set[str]:
    return set().union(*(words[place] for place in places))


def interval(by_conversation: list[Floats], measure: int) -> tuple[float, float, float]:
    """Return the mean over questions in per cent, and its 95 % interval over resampled conversations."""
    sums = np.array([[np.nansum(rows[:, measure]), np.sum(~np.isnan(rows[:, measure]))] for rows in by_conversation])
    picks = np.random.default_rng(SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    total = sums[picks].sum(axis=1)
    low, high = np.nanpercentile(total[:, 0] / np.maximum(1, total[:, 1]), [2.5, 97.5])
    return tuple(round(100 * float(one), 1) for one in (sums[:, 0].sum() / sums[:, 1].sum(), low, high))


def rows_of(conversations: dict[str, Conversation], ratio: float = 0.3) -> list[dict[str, Any]]:
    """Return a row for each way of keeping and each category, at one budget."""
    rows = []
    for name, keep in KEEPERS.items():
        found = [measured(one, keep(one, ratio)) for one in conversations.values()]
        categories = sorted({category for one in found for category in one})
        groups = {"all": [_all(one) for one in found]}
        groups |= {key: [np.array(one[key]) for one in found if key in one] for key in categories}
        for category, questions in groups.items():
            row: dict[str, Any] = {"kept by": name, "questions": category}
            for number, measure in enumerate(MEASURES):
                mean, low, high = interval(questions, number)
                row[measure] = mean
                row[f"{measure} 95 %"] = f"{low}-{high}"
            rows.append(row)
    return rows


def curve(conversations: dict[str, Conversation]) -> list[dict[str, Any]]:
    """Return what each way of keeping keeps at each of `BUDGETS`."""
    rows = []
    for name, keep in KEEPERS.items():
        for ratio in BUDGETS:
            found = [_all(measured(one, keep(one, ratio))) for one in conversations.values()]
            means = [interval(found, number)[0] for number in range(len(MEASURES))]
            rows.append({"kept by": name, "budget": ratio, **dict(zip(MEASURES, means, strict=True))})
    return rows


def calibration(conversations: dict[str, Conversation]) -> list[dict[str, Any]]:
    """Return the predicted quality and the measured share of answering sentences, by conversation and budget."""
    rows = []
    for name, one in conversations.items():
        for ratio in CALIBRATION:
            context = compress(one.known, CompressionRequest(ratio=ratio))
            found = _all(measured(one, kept_sentences(one, context)))
            any_part, _, sentence, _ = np.nanmean(found, axis=0)
            row = {"conversation": name, "budget": ratio, "predicted": context.stats.quality_score}
            rows.append({**row, "answering sentence": float(sentence), "any part": float(any_part)})
    return rows


def calibration_error(rows: list[dict[str, Any]], measure: str = "answering sentence") -> float:
    """Return the mean absolute difference between the predicted and the measured."""
    return float(np.mean([abs(row["predicted"] - row[measure]) for row in rows]))


def results() -> dict[str, Any]:
    """Return all that this benchmark measures: rows at 30 %, the curve, the calibration and its error."""
    conversations = held_out()
    calibrated = calibration(conversations)
    return {
        "rows": rows_of(conversations),
        "curve": curve(conversations),
        "calibration": calibrated,
        "calibration_error": calibration_error(calibrated),
    }


def main() -> None:
    """Measure and publish."""
    found = results()
    publish("context-kept", found["rows"], **{name: value for name, value in found.items() if name != "rows"})


if __name__ == "__main__":
    main()
