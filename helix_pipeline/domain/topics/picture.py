"""A picture of topics: a bubble each, alike ones near each other, sized by documents and named by its words.

Lengths are inches on paper, so that a label needs the same room however large the corpus is.
"""

import warnings
from collections.abc import Sequence
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

BUBBLES = 26.0
"""Area of all bubbles together, in square inches."""

SPREAD = 3.5
"""Distance of the topic furthest from the middle, before bubbles are moved apart."""

GAP, MARGIN, FOOT, LEAST_WIDTH = 0.04, 0.3, 0.9, 7.0

SMALLEST, LARGEST = 8.0, 13.0
"""Sizes of labels in points; as large as its bubble has room for."""

CHARACTER, LINE = 0.065, 0.13
"""Width of a character and height of a line of text of the smallest size."""

ROUNDS = 2_000

Floats = NDArray[np.float64]


def svg(positions: Floats, documents: Sequence[int], labels: Sequence[str], coherence: Floats, title: str) -> bytes:
    """Return an SVG file of at least one topic: `positions` (topics x 2), `documents`, label and coherence of each.

    Areas go with documents, colours with coherence (in [-1, 1], grey for NaN). Positions are kept but for what bubbles
    and labels need so as not to cover each other. Equal input gives equal bytes. Words stay text, in a font of the
    viewer, whatever letters they have.
    """
    lines = [[str(place), *label.split(" · ")] for place, label in enumerate(labels)]
    radii = np.sqrt(BUBBLES / np.pi * np.array(documents, dtype=np.float64) / max(sum(documents), 1))
    rooms = np.array([_room(text) for text in lines])
    places = apart(_spread(positions), np.maximum(radii, rooms) + GAP)
    with mpl.rc_context({"svg.hashsalt": "topics", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure, axes = _page(places, np.maximum(radii, rooms), title)
        colours = _legend(figure)
        for place, radius, room, text, value in zip(places, radii, rooms, lines, coherence, strict=True):
            fill = colours.to_rgba(value, alpha=0.55) if np.isfinite(value) else "lightgrey"
            axes.add_patch(Circle(tuple(place), radius, facecolor=fill, edgecolor="dimgrey", linewidth=0.6))
            points = np.clip(0.8 * SMALLEST * radius / room, SMALLEST, LARGEST)
            axes.text(place[0], place[1], "\n".join(text), ha="center", va="center", fontsize=points, parse_math=False)
        target = BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")
            figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def apart(places: Floats, radii: Floats) -> Floats:
    """Return centres of circles moved apart step by step, until none overlap or `ROUNDS` have passed.

    Circles of one centre part in directions that follow from their order.
    """
    angles = np.arange(len(places)) * 2.4
    found = places + 1e-6 * np.column_stack([np.cos(angles), np.sin(angles)])
    wanted = radii[:, None] + radii[None, :]
    np.fill_diagonal(wanted, 0.0)
    for _ in range(ROUNDS):
        between = found[:, None, :] - found[None, :, :]
        distances = np.maximum(np.linalg.norm(between, axis=2), 1e-12)
        overlap = np.maximum(wanted - distances, 0.0)
        if overlap.max(initial=0.0) < 1e-3:
            break
        found = found + (between * (overlap / distances / 2)[:, :, None]).sum(axis=1) / 2
    return found


def _spread(positions: Floats) -> Floats:
    return np.asarray(positions * SPREAD / max(np.abs(positions).max(initial=0.0), 1e-12), dtype=np.float64)


def _room(lines: Sequence[str]) -> float:
    """Return the radius of a circle that a text fits into, nearly: its corners may stand out."""
    return max(max(map(len, lines)) * CHARACTER, len(lines) * LINE) / 2


def _page(places: Floats, radii: Floats, title: str) -> tuple[Figure, Axes]:
    """Return a figure just large enough for the bubbles, title and legend, and its axes: an inch for each unit."""
    low = (places - radii[:, None]).min(axis=0) - MARGIN
    width, height = np.maximum((places + radii[:, None]).max(axis=0) + MARGIN - low, (LEAST_WIDTH, 0))
    figure = Figure(figsize=(width, height + FOOT))
    axes = figure.add_axes((0, FOOT / (height + FOOT), 1, height / (height + FOOT)))
    axes.set(xlim=(low[0], low[0] + width), ylim=(low[1], low[1] + height))
    axes.axis("off")
    figure.text(MARGIN / width, 0.6 / (height + FOOT), title, fontsize=SMALLEST + 2, parse_math=False)
    return figure, axes


def _legend(figure: Figure) -> ScalarMappable:
    """Draw the scale of colours at the foot of a figure, and return it."""
    colours = ScalarMappable(Normalize(-0.1, 0.6), "YlGnBu")
    width, height = figure.get_size_inches()
    place = figure.add_axes((MARGIN / width, 0.3 / height, 2 / width, 0.12 / height))
    figure.colorbar(colours, cax=place, orientation="horizontal", alpha=0.55).ax.tick_params(labelsize=SMALLEST - 1)
    caption = "coherence (NPMI); areas are documents"
    figure.text((MARGIN + 2.2) / width, 0.3 / height, caption, fontsize=SMALLEST)
    return colours
