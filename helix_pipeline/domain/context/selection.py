"""Which sentences stay within a budget of tokens: greedily by worth per token, in a few vectorised rounds.

A further sentence of a message is worth less than the first (`LATER`). The sum over messages is then submodular, and
taking by worth per token, in rounds of falling thresholds, comes near the best choice (Badanidiyuru & Vondrák, "Fast
algorithms for maximizing submodular functions", SODA 2014).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.encodings import TokenCounter
from helix_pipeline.domain.context.layout import Ints, Layout
from helix_pipeline.errors import UsageError

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

LATER = 0.5
"""What a sentence is worth beside the one before it that was taken from the same message."""

ROUND = 0.5
"""Share of what is left of the budget that a round spends."""

TOP_UP = 400
"""Sentences, most worth first, that are tried one by one for the last bit of the budget."""

SHORT = 0.01
"""Share of the budget that may stay unused before a sentence is cut to fill it."""


@dataclass(frozen=True)
class Choice:
    """What stays: `kept` bool[sentences], `opened` bool[messages], `cut` the length in characters of a cut sentence.

    `recent` is the first of the newest messages, which stay whole, or as much of the newest as fits.
    """

    kept: Bools
    opened: Bools
    cut: dict[int, int]
    recent: int


class Selection:
    """Sentences that are taken, at most `limit` tokens together."""

    def __init__(self, layout: Layout, counter: TokenCounter, limit: int) -> None:
        self._layout, self._counter, self._limit = layout, counter, limit
        self._of = layout.text.text_of
        self._kept = np.zeros(len(self._of), bool)
        self._opened = np.zeros(len(layout.opening), bool)
        self._dated = np.zeros(len(layout.day_tokens), bool)
        self._cut: dict[int, int] = {}
        self._recent = len(layout.opening)
        self._left = limit

    def take_newest(self, share: float) -> None:
        """Take whole messages from the end, for a share of the limit; of the newest at least what the limit holds.

        Raises UsageError where that is not even a word.
        """
        layout = self._layout
        last_of_day = np.diff(layout.day, append=len(layout.day_tokens)) > 0
        of_text = np.diff(np.concatenate([[0], np.cumsum(layout.tokens)])[layout.first])
        costs = of_text + layout.opening + layout.day_tokens[layout.day] * last_of_day
        behind = np.cumsum(costs[::-1])
        if behind[0] > self._limit:
            self._take_beginning(len(costs) - 1, int(behind[0] - of_text[-1]))
            return
        number = max(1, int(np.searchsorted(behind, share * self._limit, side="right")))
        self._recent = len(costs) - number
        self._open(np.arange(self._recent, len(costs)))
        self._kept[layout.first[self._recent] :] = True
        self._left = self._limit - self._spent()

    def fill(self, worth: Floats) -> None:
        """Take sentences by `worth` float64[sentences], more than 0, per token until the limit is reached.

        A wording that is there already is not taken again.
        """
        open_to = self._new_wordings() & (worth > 0)
        while not self.is_full:
            best, costs = self._best(worth, open_to)
            spent = np.cumsum(costs)
            number = int(np.searchsorted(spent, ROUND * self._left, side="right"))
            if number:
                self._take(best[:number])
            elif not self._top_up(best, costs):
                break
        if not self.is_full:
            self._take_part(*self._best(worth, open_to))

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached, but for what is too little for a word."""
        return self._left <= SHORT * self._limit

    def choice(self) -> Choice:
        """Return what was taken."""
        return Choice(self._kept, self._opened, self._cut, self._recent)

    def _new_wordings(self) -> Bools:
        same = self._layout.same
        first = np.zeros(len(same), bool)
        first[np.unique(same, return_index=True)[1]] = True
        return first & (same >= 0) & ~np.isin(same, same[self._kept])

    def _best(self, worth: Floats, open_to: Bools) -> tuple[Ints, Ints]:
        """Return of each message the sentence that is worth most per token, most first, and what each costs."""
        free = np.flatnonzero(open_to & ~self._kept)
        of = self._of[free]
        costs = np.maximum(1, self._costs(free))
        taken = np.bincount(self._of[self._kept], minlength=len(self._opened))[of]
        density = worth[free] * LATER**taken / costs
        best = _best_of_each(of, density)
        order = best[np.argsort(-density[best], kind="stable")]
        return free[order], costs[order]

    def _costs(self, places: Ints) -> Ints:
        """Return what each sentence would cost now: with its speaker and its date, or what it does to the gaps."""
        layout, message = self._layout, self._of[places]
        day = layout.day[message]
        opening = layout.opening[message] + np.where(self._dated[day], 0, layout.day_tokens[day])
        around = np.concatenate([[False], self._kept, [False]])
        before = around[places] & (places > layout.first[message])
        after = around[places + 2] & (places + 1 < layout.first[message + 1])
        gaps = layout.gap * (1 - before.astype(np.int64) - after)
        return layout.tokens[places] + np.where(self._opened[message], gaps, opening)

    def _top_up(self, best: Ints, costs: Ints) -> bool:
        """Take what still fits of the first `TOP_UP` sentences; return whether any did."""
        left = self._left
        for place, cost in zip(best[:TOP_UP].tolist(), costs[:TOP_UP].tolist(), strict=True):
            if cost <= self._left:
                self._take(np.array([place]))
        return self._left < left

    def _take_part(self, best: Ints, costs: Ints) -> None:
        """Take the beginning of the sentence, of those worth most, that fills best what is left."""
        layout, fills = self._layout, []
        room = self._left - (costs - layout.tokens[best]) - layout.gap
        long = np.flatnonzero((layout.tokens[best] > room) & (room > 0))[:20]
        for rank in long.tolist():
            sentence = layout.text.sentences[int(best[rank])].as_py()
            length = self._counter.longest_prefix(sentence, int(room[rank]))
            used = self._counter.count(sentence[:length]) + self._left - int(room[rank])
            fills.append((used if length else 0, -rank, length))
        used, rank, length = max(fills, default=(0, 0, 0))
        if used:
            place = int(best[-rank])
            self._take(np.array([place]))
            self._cut[place] = length

    def _take_beginning(self, message: int, opening: int) -> None:
        """Take as much of a message as fits: whole sentences, and the next up to a word."""
        layout = self._layout
        start, end = layout.first[message], layout.first[message + 1]
        room = self._limit - opening - layout.gap
        whole = int(np.searchsorted(np.cumsum(layout.tokens[start:end]), room, side="right"))
        room -= int(layout.tokens[start : start + whole].sum())
        place = int(start) + whole
        length = self._counter.longest_prefix(layout.text.sentences[place].as_py(), room) if place < end else 0
        if room < 0 or not (length or (layout.same[start:place] >= 0).any()):
            needed = opening + layout.gap
            raise UsageError(
                f"budget {self._limit}: no word of the newest message fits, speaker and gap alone take {needed}: "
                "give a higher max_tokens or ratio"
            )
        self._open(np.array([message]))
        self._kept[start:place] = True
        if length:
            self._kept[place] = True
            self._cut[place] = length
        self._recent, self._left = message, 0

    def _take(self, places: Ints) -> None:
        self._kept[places] = True
        self._open(self._of[places])
        self._left = self._limit - self._spent()

    def _spent(self) -> int:
        layout, places = self._layout, np.flatnonzero(self._kept)
        same_message = np.diff(self._of[places]) == 0
        gaps = np.count_nonzero(same_message & (np.diff(places) > 1))
        lines = layout.opening[self._opened].sum() + layout.day_tokens[self._dated].sum()
        return int(layout.tokens[places].sum() + gaps * layout.gap + lines)

    def _open(self, messages: Ints) -> None:
        self._opened[messages] = True
        self._dated[self._layout.day[messages]] = True


def _best_of_each(of: Ints, density: Floats) -> Ints:
    """Return the first place of the greatest density of each message; `of` is sorted."""
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    if not len(begins):
        return begins
    message = np.cumsum(np.diff(of, prepend=-1) > 0) - 1
    best = np.flatnonzero(density == np.maximum.reduceat(density, begins)[message])
    return best[np.diff(message[best], prepend=-1) > 0]
