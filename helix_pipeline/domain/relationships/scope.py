"""Whether a sentence states what its cue says: questions, conditions, negation, doubt and tense."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from helix_pipeline.domain.relationships import cues, words
from helix_pipeline.domain.relationships.arguments import Subject
from helix_pipeline.domain.relationships.cues import Cue, Form
from helix_pipeline.domain.relationships.sentences import Sentence, Token

CONDITIONAL, DOUBTED, BELIEVED, PAST, NEGATED, OPENING, PLANNED, WISHED = 0.6, 0.5, 0.65, 0.7, 0.9, 0.7, 0.75, 0.65
"""What is left of the confidence of a cue under a condition, after `maybe`, after `I think`, in the past, negated,
without a subject, with `will`, with `would`."""


class Standing(NamedTuple):
    """What is stated: `relation` (which `will` may change), whether it is `ended`, and the `share` of confidence."""

    relation: str
    ended: bool
    share: float


def is_question(sentence: Sentence) -> bool:
    """Tell whether a sentence asks: it ends in a question mark, or begins with an auxiliary and a subject."""
    if sentence.asks:
        return True
    tokens = sentence.tokens
    first = next((at for at, token in enumerate(tokens) if token.word not in words.OPENERS), len(tokens))
    if first + 1 >= len(tokens) or tokens[first].mention >= 0:
        return False
    if tokens[first].word in words.WH and tokens[first + 1].word in words.ASKING:
        return True
    if tokens[first].word not in words.ASKING:
        return False
    after = tokens[first + 1]
    return after.mention >= 0 or after.word in words.SPEAKER | words.ADDRESSED | words.OWN | words.DETERMINERS


def standing(tokens: Sequence[Token], at: int, cue: Cue, subject: Subject) -> Standing | None:
    """Return what a cue at a place states about its subject, or none."""
    before = {token.word for token in tokens[:at] if token.mention < 0}
    if before & words.UNREAL or _is_broken(tokens, at, cue, subject):
        return None
    modal = _under_modal(cue.relation, subject.between, tokens[at].word)
    if modal is None:
        return None
    relation, share = modal
    functional = relation in (cues.PREFERS, cues.DECIDED)
    if before & words.DOUBT:
        if functional:
            return None
        share *= DOUBTED
    if before & words.BELIEF:
        share *= BELIEVED
    if any(token.word in words.CONDITIONS and token.mention < 0 for token in tokens[at:]):
        share *= CONDITIONAL
    if cue.past or (cue.words[0].endswith("ing") and subject.between & {"was", "were"}):
        share *= PAST
    negated = _is_negated(tokens, at, subject)
    if negated:
        if relation == cues.DECIDED and subject.between & words.HAVE:
            return None
        share *= NEGATED
    former = bool(subject.between & words.FORMER)
    return Standing(relation, (cue.ended or former) != negated, share)


def _under_modal(relation: str, between: set[str], first: str) -> tuple[str, float] | None:
    if between & words.MODAL:
        return (relation, 1.0) if relation == cues.ALTERNATIVE else None
    if between & words.WOULD:
        if first == "rather":
            return relation, 1.0
        return (relation, WISHED) if relation == cues.PREFERS else None
    if between & words.WILL:
        if relation not in (cues.USES, cues.DECIDED):
            return None
        return cues.DECIDED, PLANNED if relation == cues.USES else 1.0
    return relation, 1.0


def _is_negated(tokens: Sequence[Token], at: int, subject: Subject) -> bool:
    """Tell whether the cue is negated: between it and its subject, or by `I don't think` before both."""
    listed = [token.word for token in tokens[subject.start : at] if token.mention < 0]
    negations = sum(word in words.NEGATION for word in listed)
    only = sum(word == "not" and after in _ONLY for word, after in pairwise(listed))
    earlier = [token.word for token in tokens[: subject.start]]
    unbelieved = any(word in words.NEGATION and after in ("think", "believe") for word, after in pairwise(earlier))
    return (negations - only > 0) != unbelieved


_ONLY = ("only", "just", "merely")


def _is_broken(tokens: Sequence[Token], at: int, cue: Cue, subject: Subject) -> bool:
    """Tell whether the form of the verb does not go with what is before it."""
    first = cue.words[0]
    be = bool(subject.between & words.BE)
    if at and tokens[at - 1].word == "to" and tokens[at - 1].mention < 0 and "will" not in subject.between:
        return True
    if be and not cue.participle and (first.endswith("ed") or first in _PARTICIPLES):
        return True
    if first.endswith("ing") and not cue.participle and cue.form is not Form.BETWEEN:
        direct = not subject.between and (subject.opens or (subject.mentions and first not in _MEANS))
        return not (be or direct or subject.shared)
    return False


_MEANS = frozenset({"using", "utilizing", "utilising", "leveraging"})
"""After a name these say how something is done to it: `open X using Y`."""

_PARTICIPLES = frozenset({"chosen", "gone", "built", "run", "begun", "gotten"})
