"""What the cues of one sentence state, as claims about its mentions."""

from collections.abc import Iterator

from helix_pipeline.domain.relationships import cues
from helix_pipeline.domain.relationships.clause import Claim, Clause, Reading
from helix_pipeline.domain.relationships.forms import FORMS
from helix_pipeline.domain.relationships.scope import is_question
from helix_pipeline.domain.relationships.sentences import Sentence


def claims(sentence: Sentence) -> Iterator[Claim]:
    """Yield what a sentence states, from left to right. A question states nothing."""
    if is_question(sentence):
        return
    reading, done = Reading(sentence.tokens), 0
    for at, token in enumerate(sentence.tokens):
        if token.word in cues.CUES and token.mention < 0 and at >= done:
            found, done = _at(reading, at)
            yield from found


def _at(reading: Reading, at: int) -> tuple[list[Claim], int]:
    """Return the claims of the longest cue at a place that makes any, and the place after the cue."""
    for cue, end in cues.matching(reading.tokens, at):
        clause = Clause(reading, cue, at, end)
        if found := list(FORMS[cue.form](clause)):
            return found, clause.end
    return [], at
