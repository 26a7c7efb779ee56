"""What a compressed context keeps of the evidence when the question is known, and how near its quality score comes.

On LoCoMo, each conversation with importance, ranking and calibration learned from the others. The measures are those
of `context_kept`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from context_kept import MEASURES, Conversation, Floats, held_out, interval, kept_sentences, measured
from context_retrieval import Asked, asked, left_out
from harness import publish

from helix_pipeline.domain.context.engine import compress
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.retrieval.ranking import Ranking, calibrated

BUDGETS = (0.05, 0.1, 0.3)


def probabilities() -> Iterator[tuple[Asked, Floats]]:
    """Yield each question with the probability of each message to be evidence, by weights that have not seen it."""
    questions = asked()
    rankings = left_out(questions)
    for name, ranking in rankings.items():
        fair = _calibrated(ranking, [one for one in questions if one.conversation.name != name])
        yield from ((one, fair.probabilities(one.case.columns)) for one in questions if one.conversation.name == name)


def _calibrated(ranking: Ranking, others: list[Asked]) -> Ranking:
    logits = [ranking.logits(one.case.columns) for one in others]
    evidence = [np.isin(np.arange(len(rows)), one.case.evidence) for rows, one in zip(logits, others, strict=True)]
    return calibrated(ranking, np.concatenate(logits), np.concatenate(evidence))


def kept_of(conversation: Conversation, one: Asked, relevance: Floats, ratio: float) -> Floats:
    """Return the measures of one question at one budget, and the quality that was predicted."""
    request = CompressionRequest(ratio=ratio, query=one.question.question)
    context = compress(conversation.known, request, relevance)
    row = measured(conversation, kept_sentences(conversation, context), [one.question])[one.question.category][0]
    return np.array([*row, context.stats.quality_score])


def results() -> dict[str, Any]:
    """Return a row for each budget, and the reliability of the quality score: predicted beside measured, in tenths."""
    conversations, questions = held_out(), list(probabilities())
    rows, pairs = [], []
    for ratio in BUDGETS:
        groups: dict[str, list[Floats]] = {}
        for one, relevance in questions:
            name = one.conversation.name
            groups.setdefault(name, []).append(kept_of(conversations[name], one, relevance, ratio))
        by_conversation = [np.array(group) for group in groups.values()]
        row: dict[str, Any] = {"budget": ratio}
        for number, measure in enumerate((*MEASURES, "predicted quality")):
            mean, low, high = interval(by_conversation, number)
            row |= {measure: mean, f"{measure} 95 %": f"{low}-{high}"}
        rows.append(row)
        pairs.append(np.concatenate(by_conversation)[:, [4, 2]])
    return {"rows": rows, "reliability": reliability(np.concatenate(pairs))}


def reliability(pairs: Floats) -> list[dict[str, Any]]:
    """Return, for each tenth of the predicted quality, how many there are and the means of predicted and measured."""
    tenths = np.minimum((pairs[:, 0] * 10).astype(int), 9)
    groups = [(tenth, pairs[tenths == tenth]) for tenth in range(10) if (tenths == tenth).any()]
    return [
        {"predicted from": tenth / 10, "contexts": len(some), "predicted": some[:, 0].mean(), "kept": some[:, 1].mean()}
        for tenth, some in groups
    ]


if __name__ == "__main__":
    found = results()
    publish("context-asked", found["rows"], reliability=found["reliability"])
