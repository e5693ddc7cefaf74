"""What a corpus covers, for people: a picture of its classes, and their table in Markdown.

The numbers come from `traces_core.text.coverage`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traces_core.printing import markdown
from traces_core.report.formatting import number, words
from traces_core.report.plots import ALARM, CALM, INK, SOFT, drawing, figure_of, png_of
from traces_core.text.coverage import Coverage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WRITTEN = 14
"""Classes up to which the cosines are written into the squares."""


def coverage_picture(coverage: Coverage) -> bytes:
    """Cosines of the classes' centroids as a heat map, and beside it each class's gap to the normal side.

    A gap of zero or less is drawn in the colour of alarm: to this encoder the class is one more part of
    normal life. A class of one sentence has no gap, and no bar.

    Returns
    -------
    The bytes of a PNG, 150 dots per inch.
    """
    count = len(coverage.names)
    side = 1.6 + 0.3 * count
    with drawing():
        figure = figure_of(side + 3.8, side)
        heat, bars = figure.subplots(1, 2, width_ratios=[side, 3.0])
        _heat_map(heat, coverage)
        _gaps(bars, coverage)
        figure.colorbar(heat.images[0], ax=heat, shrink=0.6, pad=0.01).outline.set_visible(False)
        return png_of(figure)


def coverage_markdown(coverage: Coverage) -> str:
    """The classes as a table in Markdown: the smallest gaps first, for they need reading."""
    head = (
        "class",
        "traces",
        "contexts",
        "within",
        "to normal",
        "gap",
        "nearest class",
        "nearest normal trace",
    )
    lines = [f"| {' | '.join(head)} |", "| " + " | ".join("---" for _ in head) + " |"]
    for row in coverage.classes.sort("gap", "class", nulls_last=True).iter_rows(named=True):
        cells = [
            words(row["class"]),
            str(row["traces"]),
            str(row["contexts"]),
            *(number(row[name]) for name in ("within", "to_normal", "gap")),
            near(row["nearest_class"] and words(row["nearest_class"]), row["nearest_class_cosine"]),
            near(row["nearest_normal"], row["nearest_normal_cosine"]),
        ]
        lines.append(f"| {' | '.join(markdown(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def near(name: str | None, cosine: float | None) -> str:
    """Something and its cosine as text; a dash where there is nothing.

    Examples
    --------
    >>> near("fire", 0.91), near(None, None)
    ('fire (0.910)', '–')
    """
    return number(None) if name is None else f"{name} ({number(cosine)})"


def _heat_map(axis: Axes, coverage: Coverage) -> None:
    count = len(coverage.names)
    inside = coverage.cosines[~np.eye(count, dtype=bool)]
    low = float(inside.min()) if inside.size else 0.0
    image = axis.imshow(coverage.cosines, cmap="YlGnBu", vmin=min(low, 0.99), vmax=1.0, aspect="auto")
    names = [words(name) for name in coverage.names]
    axis.set_xticks(range(count), names, rotation=90)
    axis.set_yticks(range(count), names)
    axis.spines[:].set_visible(False)
    axis.set_title("cosine of centroids")
    if count > _WRITTEN:
        return
    middle = float(np.mean(image.get_clim()))
    for y, x in np.ndindex(count, count):
        cosine = float(coverage.cosines[y, x])
        colour = "white" if cosine > middle else INK
        axis.text(x, y, f"{cosine:.2f}", ha="center", va="center", fontsize=6.5, color=colour)


def _gaps(axis: Axes, coverage: Coverage) -> None:
    gaps = dict(coverage.classes.select("class", "gap").rows())
    for y, name in enumerate(coverage.names):
        gap = gaps.get(name)
        if gap is not None:
            axis.barh(y, gap, height=0.62, color=CALM if gap > 0 else ALARM)
            axis.annotate(
                number(gap, 2), (max(gap, 0.0), y), (4, 0), textcoords="offset points", va="center",
                fontsize=8, color=SOFT,
            )  # fmt: skip
    axis.axvline(0, color=SOFT, linewidth=0.8)
    axis.set_ylim(len(coverage.names) - 0.5, -0.5)
    axis.set_yticks([])
    axis.margins(x=0.18)
    axis.spines["left"].set_visible(False)
    axis.set_title("gap to the normal side")
