"""The context engine: what it finds and keeps on LoCoMo beside baselines, how tokens are counted, and how fast it is.

All figures on LoCoMo are of conversations that the weights have not seen. `--plot FILE` draws the evidence kept against
the budget; `--only PART` measures a part: found, kept, tokens, speed.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import context_asked
import context_kept
import context_retrieval
import context_speed
import context_tokens
import matplotlib as mpl
from harness import publish_parts

Parts = dict[str, list[dict[str, Any]]]

MEASURE = "answering sentence"


def found() -> Parts:
    """Return retrieval, and what is kept where the question is known."""
    asked = context_asked.results()
    return {
        "retrieval": context_retrieval.rows(),
        "kept, question known": asked["rows"],
        "quality score, question known": asked["reliability"],
    }


def kept() -> Parts:
    """Return what is kept where no question is known, at 30 % and at other budgets."""
    results = context_kept.results()
    return {
        "kept at 30 %, no question": results["rows"],
        "kept against budget": results["curve"],
        "quality score, no question": results["calibration"],
    }


def tokens() -> Parts:
    """Return how far the estimate of tokens is from the exact counts."""
    return {"tokens": context_tokens.rows()}


def speed() -> Parts:
    """Return how fast a conversation is compressed and comes back."""
    grown, served = context_speed.rows()
    return {"compression, one core": grown, "service, 1 M tokens": served}


PARTS: dict[str, Callable[[], Parts]] = {"found": found, "kept": kept, "tokens": tokens, "speed": speed}


def plot(curve: list[dict[str, Any]], path: Path) -> None:
    """Draw the evidence kept against the budget, a line for each way of keeping."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name in dict.fromkeys(row["kept by"] for row in curve):
        points = [(100 * row["budget"], row[MEASURE]) for row in curve if row["kept by"] == name]
        width = 2.5 if name.startswith("helix") else 1.2
        axes.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=width)
    axes.set(xlabel="budget, % of the tokens", ylabel=f"evidence kept, %\n({MEASURE})", xlim=(0, None), ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure these parts only")
    parser.add_argument("--plot", type=Path, help="where to draw the evidence kept against the budget, as PNG")
    arguments = parser.parse_args()
    parts: Parts = {}
    for name in arguments.only or PARTS:
        parts |= PARTS[name]()
    if arguments.plot and "kept against budget" in parts:
        plot(parts["kept against budget"], arguments.plot)
    publish_parts("context", parts)


if __name__ == "__main__":
    main()
