"""A cue at its place in a sentence: who it is about, which names follow, and claims that it makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from helix_pipeline.domain.relationships import arguments, cues, words
from helix_pipeline.domain.relationships.arguments import Subject
from helix_pipeline.domain.relationships.cues import Cue, Form
from helix_pipeline.domain.relationships.scope import OPENING, Standing, standing
from helix_pipeline.domain.relationships.sentences import Token

SPEAKER = -1
"""Stands for who speaks, where a mention's number stands for an entity."""

EITHER = 0.75
"""What is left of the confidence for `X or Y`."""

LETS = "let's"


class Claim(NamedTuple):
    """A statement about mentions of a sentence, by their numbers. `start` and `end` bound the words that state it."""

    subject: int
    relation: str
    object: int
    ended: bool
    confidence: float
    cue: str
    start: int
    end: int


@dataclass(slots=True)
class Reading:
    """A sentence being read from left to right: whose clause it is, and which mentions are objects already."""

    tokens: Sequence[Token]
    previous: Subject | None = None
    objects: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Clause:
    """A cue at its place: the tokens of it are from `at` to before `end`, and `last` is after the names that follow."""

    reading: Reading
    cue: Cue
    at: int
    end: int
    last: int = 0

    @property
    def tokens(self) -> Sequence[Token]:
        """Return the tokens of the sentence."""
        return self.reading.tokens

    def word(self, at: int) -> str:
        """Return the word at a place, and nothing for a mention or beyond the sentence."""
        if not 0 <= at < len(self.tokens) or self.tokens[at].mention >= 0:
            return ""
        return self.tokens[at].word

    def subject(self) -> tuple[Subject, Standing] | None:
        """Return who the cue is about, if it states anything of it."""
        found = arguments.subject(self.tokens, self.at, self.cue.participle)
        stands = standing(self.tokens, self.at, self.cue, found)
        if stands is None:
            return None
        if found.shared and self.reading.previous:
            before = self.reading.previous
            found = Subject(self.at, before.mentions, before.speaker, before.own, between=found.between)
        elif found.shared and not found.opens and self._is_of_first_word():
            found.speaker = True
        elif found.opens and self._speaks():
            found.speaker = True
            stands = stands._replace(share=stands.share * (1.0 if self.cue.words[0] == LETS else OPENING))
        elif len(found.mentions) > 1:
            found.mentions = [mention for mention in found.mentions if mention not in self.reading.objects]
        return (found, stands) if found.speaker or found.mentions else None

    def names(self, *links: str) -> dict[str, list[int]]:
        """Return the names after the cue by the word that links them."""
        found, self.last = arguments.names(self.tokens, self.end, links)
        listed = found.get("", [])
        if len(listed) > 1 and len(found) == 1 and self._is_subject_next(self.last):
            listed.pop()
        return found

    def keep(self, subject: Subject, objects: Sequence[int]) -> None:
        """Note for the rest of the sentence who this clause was about, and which names were its objects."""
        self.reading.previous = subject
        self.reading.objects.update(objects)

    def claim(self, subject: int, relation: str, object: int, ended: bool, share: float) -> Claim:
        """Return a claim of this cue that has this share of its confidence."""
        numbers = [token for token in self.tokens if token.mention in (subject, object) and token.mention >= 0]
        bounds = [self.tokens[self.at], self.tokens[self.end - 1], *numbers]
        start, end = min(token.start for token in bounds), max(token.end for token in bounds)
        return Claim(subject, relation, object, ended, self.cue.confidence * share, self.cue.phrase, start, end)

    def either(self) -> float:
        """Return the share that is left where the names are joined by `or`."""
        return EITHER if any(token.word == "or" for token in self.tokens[self.end : self.last]) else 1.0

    def _speaks(self) -> bool:
        """Tell whether a sentence that begins with the cue is about the speaker: `Switched to X`, not `Use X`."""
        first = self.cue.words[0]
        if first == LETS:
            return True
        if self.cue.relation not in (cues.USES, cues.DECIDED) or self.cue.participle:
            return False
        if first.endswith("ing"):
            _, end = arguments.names(self.tokens, self.end, ())
            rest = [token.word for token in self.tokens[end:]]
            return (not rest or rest[0] in words.AFTER) and not words.CLAUSE.intersection(rest)
        return self._is_past_verb()

    def _is_past_verb(self) -> bool:
        """Tell whether the cue is a verb in the past, and not an adjective: `selected X`."""
        first, cue = self.cue.words[0], self.cue
        alone = len(cue.words) == 1 and cue.form is Form.FORWARD and not cue.ended
        return (first.endswith("ed") and not alone) or first in _PAST

    def _is_of_first_word(self) -> bool:
        """Tell whether a clause after `and` has the speaker as its subject: `We tried X and settled on Y`."""
        first = next((token.word for token in self.tokens if token.word not in words.OPENERS), "")
        return first in words.SPEAKER and self._is_past_verb()

    def _is_subject_next(self, end: int) -> bool:
        """Tell whether the name before a place is the subject of the words that follow it."""
        word = self.word(end)
        if not word:
            return False
        return word in _AUXILIARY or any(cue.form is Form.FORWARD for cue, _ in cues.matching(self.tokens, end))


_PAST = ("went", "chose", "got", "quit", "began")
_AUXILIARY = words.BE | words.HAVE | words.DO | words.WILL | words.MODAL | words.WOULD
