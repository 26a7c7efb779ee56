"""How well spans that were found agree with the true ones: precision, recall and F1 over exact bounds and type.

The figures are those of `conlleval` (Tjong Kim Sang & Buchholz 2000): a span counts where both of its bounds and its
type are right, and sums run over all texts (micro average). `tagged_spans` reads tags as that program does.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helix_pipeline.domain.entities.recognition.labels import BEGIN, OUTSIDE

Labelled = tuple[int, int, str]
"""Start, end and label of a span, in tokens or in characters; the end is the first place after it."""

NONE = "none"
"""In a confusion matrix, what a span is that only one side has."""


@dataclass(frozen=True)
class Score:
    """How many spans are right, how many were found, and how many there are."""

    right: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the spans found that are right, 0 where none was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of the true spans that were found, 0 where there are none."""
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 where nothing is right."""
        return 2 * self.right / (self.found + self.true) if self.right else 0.0


def tagged_spans(tags: Sequence[str]) -> list[Labelled]:
    """Return the spans that BIO tags describe, in order.

    A span begins at `B-X`, and at `I-X` after anything but `B-X` or `I-X`; it ends before the next tag that does not
    continue it.
    """
    spans: list[Labelled] = []
    start, label = 0, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        name = tag[2:]
        if label and (name != label or tag.startswith(BEGIN)):
            spans.append((start, place, label))
            label = ""
        if name and not label:
            start, label = place, name
    return spans


def score(true: Iterable[Iterable[Labelled]], found: Iterable[Iterable[Labelled]]) -> Score:
    """Return the score of the spans found in some texts, given the true spans of each."""
    return _sum(_tallies(true, found))


def score_by_label(true: Iterable[Iterable[Labelled]], found: Iterable[Iterable[Labelled]]) -> dict[str, Score]:
    """Return the score of each label that occurs on either side, by label."""
    return dict(sorted(_tallies(true, found).items()))


def confusion(true: Iterable[Iterable[Labelled]], found: Iterable[Iterable[Labelled]]) -> Counter[tuple[str, str]]:
    """Return how often spans of one label (first) were found as another (second) with the same bounds.

    A span of which the other side has none with these bounds is paired with `NONE`.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for expected, given in zip(true, found, strict=True):
        wanted, seen = ({(start, end): label for start, end, label in spans} for spans in (expected, given))
        counts.update((label, seen.get(bounds, NONE)) for bounds, label in wanted.items())
        counts.update((NONE, label) for bounds, label in seen.items() if bounds not in wanted)
    return counts


def calibration_error(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Return the expected calibration error of spans: how far, on average, confidence is from the share that is right.

    Spans fall into bins of equal width by their confidence, and each bin weighs as many spans as it holds (Naeini,
    Cooper & Hauskrecht 2015).
    """
    gaps = [0.0] * bins
    for sure, hit in zip(confidence, right, strict=True):
        gaps[min(int(sure * bins), bins - 1)] += sure - hit
    return sum(map(abs, gaps)) / max(len(confidence), 1)


def _tallies(true: Iterable[Iterable[Labelled]], found: Iterable[Iterable[Labelled]]) -> dict[str, Score]:
    counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for expected, given in zip(true, found, strict=True):
        wanted, seen = set(expected), set(given)
        for count, spans in zip(counts, (wanted & seen, seen, wanted), strict=True):
            count.update(label for _, _, label in spans)
    right, given_, wanted_ = counts
    return {label: Score(right[label], given_[label], wanted_[label]) for label in {*given_, *wanted_}}


def _sum(scores: dict[str, Score]) -> Score:
    parts = [(one.right, one.found, one.true) for one in scores.values()]
    return Score(*map(sum, zip(*parts, strict=True))) if parts else Score(0, 0, 0)
