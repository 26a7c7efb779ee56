"""The extractive strategy: a conversation cut to a budget of tokens, in its own words.

The newest messages stay verbatim, then the most salient sentences of the others follow until the budget is full, and a
last one is cut after a word. Order, speakers and wording are kept; ` … ` follows each piece of a message after which
something of it is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from helix_pipeline.domain.context.salience import Coverage, by_worth
from helix_pipeline.domain.context.sentences import sentences
from helix_pipeline.domain.context.tokens import count, longest_prefix

STRATEGY = "extractive"
GAP = " … "
GAP_TOKENS = count(GAP)
LINE_TOKENS = 2
"""Of the colon after a speaker and the end of the line."""

LAST_CANDIDATES = 100
"""Sentences, most worth first, among which the one to cut is chosen: that which fills the budget best."""


@dataclass(frozen=True)
class Kept:
    """What stays of the message at a place of the conversation: its text, and whether that is all of it."""

    place: int
    text: str
    complete: bool


def message_tokens(speaker: str, text: str) -> int:
    """Return the tokens of a message as a model reads it, `speaker: text` and the end of the line."""
    return count(speaker) + LINE_TOKENS + count(text)


def compress(speakers: Sequence[str], texts: Sequence[str], target: int, recent: float = 0.2) -> list[Kept]:
    """Return what stays of a conversation, in order, of at most `target` tokens together.

    `recent` is the share of the target that goes to the newest messages, whole, in [0, 1]. The result is within a few
    tokens of the target where the conversation is longer than that. Deterministic.
    """
    selection = _Selection(speakers, texts, target)
    if recent:
        selection.take_newest(recent * target)
    selection.take_salient()
    return list(selection.kept())


class _Selection:
    """Sentences that stay, by number through the whole conversation. `left` is what remains of the budget."""

    def __init__(self, speakers: Sequence[str], texts: Sequence[str], target: int) -> None:
        self._texts = texts
        self._opening = [count(speaker) + LINE_TOKENS for speaker in speakers]
        self._spans = [(place, *span) for place, text in enumerate(texts) for span in sentences(text)]
        parts = [texts[place][start:end] for place, start, end in self._spans]
        self._tokens = [count(part) for part in parts]
        self._coverage = Coverage(parts)
        self._taken: set[int] = set()
        self._open: set[int] = set()
        self._cut: dict[int, int] = {}
        self.left = target

    def take_newest(self, budget: float) -> None:
        """Take whole messages from the end, as many as the budget holds; the newest in any case that it fits."""
        spent = 0
        for place, numbers in groupby(reversed(range(len(self._spans))), key=lambda number: self._spans[number][0]):
            cost = self._opening[place] + count(self._texts[place])
            spent += cost
            if cost > self.left or (self._taken and spent > budget):
                return
            for number in numbers:
                self._take(number)

    def take_salient(self) -> None:
        """Take sentences by worth while any fits, then the beginning of the one that fills best what is left."""
        rest = [number for number in range(len(self._spans)) if number not in self._taken]
        too_long: list[int] = []
        for number in by_worth(self._coverage, rest, self._cost):
            if self._cost(number) <= self.left:
                self._take(number)
            elif len(too_long) < LAST_CANDIDATES:
                too_long.append(number)
            if not self.left:
                return
        self._take_part([number for number in too_long if number not in self._taken])

    def kept(self) -> Iterator[Kept]:
        """Yield what stays of each message that anything stays of."""
        for place, numbers in groupby(sorted(self._taken), key=lambda number: self._spans[number][0]):
            text = "".join(map(self._shown, numbers)).rstrip()
            yield Kept(place, text, complete=text == self._texts[place].strip())

    def _take(self, number: int) -> None:
        self.left -= self._cost(number)
        self._taken.add(number)
        self._open.add(self._spans[number][0])
        self._coverage.take(number)

    def _take_part(self, numbers: Sequence[int]) -> None:
        fills = [(self._part(number), -place, number) for place, number in enumerate(numbers)]
        (tokens, end), _, number = max(fills, default=((0, 0), 0, 0))
        if tokens:
            self._cut[number] = end
            self._tokens[number] = tokens + GAP_TOKENS
            self._take(number)

    def _part(self, number: int) -> tuple[int, int]:
        """Return the tokens of the longest beginning of a sentence that fits, 0 for none, and where it ends."""
        place, start, end = self._spans[number]
        room = self.left - self._cost(number) + self._tokens[number] - GAP_TOKENS
        length = longest_prefix(self._texts[place][start:end], room)
        return (count(self._texts[place][start : start + length]), start + length) if length else (0, 0)

    def _cost(self, number: int) -> int:
        """Return what a sentence costs now: with its speaker, and with what it changes between sentences."""
        place = self._spans[number][0]
        opening = 0 if place in self._open else self._opening[place]
        before = self._after(number - 1, True) - self._after(number - 1, False) if number - 1 in self._taken else 0
        return self._tokens[number] + opening + before + self._after(number, number + 1 in self._taken)

    def _after(self, number: int, followed: bool) -> int:
        """Return the tokens between a sentence and the next of its message, or of the gap where that is left out."""
        if number < 0 or number + 1 == len(self._spans) or self._spans[number][0] != self._spans[number + 1][0]:
            return 0
        place, _, end = self._spans[number]
        return count(self._texts[place][end : self._spans[number + 1][1]]) if followed else GAP_TOKENS

    def _shown(self, number: int) -> str:
        place, start, end = self._spans[number]
        text, cut = self._texts[place], self._cut.get(number)
        if cut:
            return text[start:cut] + GAP
        follows = number + 1 < len(self._spans) and self._spans[number + 1][0] == place
        if not follows:
            return text[start:end]
        return text[start : self._spans[number + 1][1]] if number + 1 in self._taken else text[start:end] + GAP
