"""Pictures as bytes, drawn by matplotlib: for the README, for MLflow and for Dagster's metadata.

The pages draw their own curves (`strips`), which follow the reader's colours and width. No function here
touches matplotlib's global state, and the same values give the same bytes.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traces_core.errors import NotFiniteError
from traces_core.report.benchmark import group_rows
from traces_core.report.formatting import clock, words
from traces_core.report.formatting import number as number_text
from traces_core.report.model import Pixels, Row, label, number, refuse_nan
from traces_core.report.strips import time_ticks
from traces_core.types import Interval, ScoreTrack

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, CALM, ALARM, TRUTH = "#1c2227", "#59636b", "#d9d5cb", "#0e6877", "#b93c0b", "#e0a11b"
COLOURS = (CALM, "#7a5ea8", "#5f7d2e", "#a0467a", "#476a9c", "#8a6d3b")
_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "text.parse_math": False,  # names of strangers hold dollars
}
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def drawing() -> Iterator[None]:
    """Within, figures have the style of the project, and nobody else draws."""
    import matplotlib  # half a second: only for those who draw

    with _ONE_AT_A_TIME, matplotlib.rc_context(_STYLE):
        yield


def score_curve(
    tracks: Mapping[str, ScoreTrack],
    thresholds: Mapping[str, float] | None = None,
    truth: Sequence[Interval] | None = None,
    *,
    frames: Sequence[tuple[float, Pixels]] = (),
    title: str = "",
    duration_s: float | None = None,
) -> bytes:
    """Score curves over a clip, one above the other, with ground truth, thresholds and frames on top.

    Parameters
    ----------
    tracks : scores per stream
    thresholds : threshold per stream, drawn dashed; what lies above it is filled
    truth : anomalous intervals, drawn as bands with their labels
    frames : (time in seconds, uint8 array of shape (H, W, 3)) of the thumbnails, each above its time
    duration_s : end of the time axis; the last score where None

    Returns
    -------
    The bytes of a PNG, 150 dots per inch.

    Raises
    ------
    NotFiniteError
        If a score or a threshold is NaN or infinite.
    """
    thresholds = thresholds or {}
    for stream, track in tracks.items():
        _refuse(f"scores of {stream}", track.values, [thresholds.get(stream, 0.0)])
    end_s = duration_s or max((float(t.times_s[-1]) for t in tracks.values() if len(t)), default=1.0) or 1.0
    rows = max(1, len(tracks))
    heights = _thumbnail_height(frames) + [1.55] * rows
    with drawing():
        figure = figure_of(9.6, sum(heights) + 0.75)
        axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for i, (stream, track) in enumerate(tracks.items()):
            axis = axes[i + bool(frames)]
            _bands(axis, truth or (), named=i == 0)
            _curve(axis, track, thresholds.get(stream), end_s)
            axis.set_ylabel(stream)
        ticks = time_ticks(end_s, most=9)
        axes[-1].set_xticks(ticks, [clock(t, int(end_s < 4)) for t in ticks])
        axes[-1].set_xlim(0, end_s)
        if frames:
            _thumbnails(axes[0], axes[1], frames)
        if title:
            figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold")
        return png_of(figure)


def dots(rows: Sequence[Row], baselines: Sequence[Row] = ()) -> bytes:
    """Frame AUC of each row as a dot with its interval; offline rows and baselines hollow, below a line.

    A row whose AUC is undefined keeps its place, with a dash.
    """
    for row in (*rows, *baselines):
        refuse_nan(row)
    groups = [group for _, group in group_rows(rows, baselines)]
    lines = [(row, i > 0) for i, group in enumerate(groups) for row in group]
    with drawing():
        figure = figure_of(7.6, 0.34 * max(2, len(lines)) + 0.9)
        axis = figure.subplots()
        axis.axvline(0.5, color=SOFT, linewidth=0.8, linestyle=(0, (3, 3)))
        for y, (row, hollow) in enumerate(lines):
            _dot(axis, y, row, SOFT if hollow else CALM, "white" if hollow else CALM)
        for edge in np.cumsum([len(group) for group in groups])[:-1]:
            if 0 < edge < len(lines):
                axis.axhline(edge - 0.5, color=LINE, linewidth=0.8)
        axis.set_yticks(range(len(lines)), [words(label(row)) for row, _ in lines])
        axis.set_ylim(max(1, len(lines)) - 0.4, -0.6)
        axis.set_xlim(min(0.48, axis.get_xlim()[0]), 1.005)
        axis.set_xlabel("frame AUC, 95 % interval")
        axis.spines["left"].set_visible(False)
        return png_of(figure)


def training_curves(curves: Mapping[str, ArrayLike], *, steps: ArrayLike | None = None) -> bytes:
    """Losses, or whatever changed with training, over steps (1, 2, ... where none are given)."""
    with drawing():
        figure = figure_of(7.6, 3.1)
        axis = figure.subplots()
        for i, (name, values) in enumerate(curves.items()):
            ys = _refuse(name, values)
            xs = np.arange(1, len(ys) + 1) if steps is None else np.asarray(steps)
            axis.plot(
                xs, ys, color=COLOURS[i % len(COLOURS)], linewidth=1.6, marker="o" if len(ys) == 1 else ""
            )
            if len(ys):
                axis.annotate(
                    f"{name} {number_text(ys[-1])}", (xs[-1], ys[-1]), (6, 0), textcoords="offset points",
                    va="center", fontsize=9, color=COLOURS[i % len(COLOURS)],
                )  # fmt: skip
        axis.grid(axis="y")
        axis.set_xlabel("step" if steps is None else "steps")
        return png_of(figure)


def sparkline(values: ArrayLike, *, width: int = 240, height: int = 48) -> bytes:
    """A bare curve of `values`, shape (T,), as a small PNG with a clear ground; a dot marks the highest."""
    ys = _refuse("sparkline", values)
    with drawing():
        figure = canvas(figsize=(width / 100, height / 100), dpi=100)
        axis = figure.add_axes((0.02, 0.08, 0.96, 0.84))
        axis.set_axis_off()
        if len(ys):
            axis.plot(ys, color=CALM, linewidth=1.3)
            axis.plot([int(ys.argmax())], [ys.max()], marker="o", markersize=3.5, color=ALARM)
        return png_of(figure, clear=True)


def canvas(**how: Any) -> Figure:
    """An empty figure that is drawn as pixels; `how` as matplotlib's `Figure` takes it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(**how)
    FigureCanvasAgg(figure)
    return figure


def figure_of(width: float, height: float) -> Figure:
    """An empty figure of so many inches, that arranges what is drawn on it."""
    return canvas(figsize=(width, height), layout="constrained")


def png_of(figure: Figure, *, clear: bool = False) -> bytes:
    """The picture without the version that would make every one of them different."""
    written = io.BytesIO()
    dpi = figure.dpi if clear else 150
    figure.savefig(written, format="png", metadata={"Software": None}, dpi=dpi, transparent=clear)
    return written.getvalue()


def _refuse(where: str, *arrays: ArrayLike) -> NDArray[np.float64]:
    given = [np.asarray(array, np.float64) for array in arrays]
    if not all(np.isfinite(array).all() for array in given):
        raise NotFiniteError(f"{where}: NaN or infinity cannot be drawn. What is undefined is left out.")
    return given[0]


def _curve(axis: Axes, track: ScoreTrack, threshold: float | None, end_s: float) -> None:
    """Steps that hold until the next score, in the colour of alarm and filled where above the threshold."""
    if len(track):
        xs = np.append(track.times_s, max(end_s, float(track.times_s[-1])))
        ys = np.append(track.values, track.values[-1]).astype(np.float64)
        style = "-" if track.causal else (0, (4, 1.5))
        axis.plot(xs, ys, color=CALM, linewidth=1.4, drawstyle="steps-post", linestyle=style, zorder=3)
        if threshold is not None:
            over = np.where(ys > threshold, ys, np.nan)
            axis.plot(xs, over, color=ALARM, linewidth=1.7, drawstyle="steps-post", linestyle=style, zorder=4)
            axis.fill_between(
                xs, ys, threshold, where=ys > threshold, step="post", color=ALARM, alpha=0.22, lw=0
            )
    if threshold is not None:
        axis.axhline(threshold, color=ALARM, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    low, high = axis.get_ylim()
    axis.set_ylim(low - 0.04 * (high - low), high + 0.18 * (high - low))
    axis.locator_params(axis="y", nbins=3)
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def _bands(axis: Axes, truth: Sequence[Interval], *, named: bool) -> None:
    for interval in truth:
        axis.axvspan(interval.start_s, interval.end_s, color=TRUTH, alpha=0.22, linewidth=0, zorder=0)
        if named and interval.label:
            middle = (interval.start_s + interval.end_s) / 2
            axis.annotate(
                words(interval.label), (middle, 1), (0, -3), xycoords=axis.get_xaxis_transform(),
                textcoords="offset points", ha="center", va="top", fontsize=9, color="#7a5200", zorder=5,
            )  # fmt: skip


def _thumbnail_height(frames: Sequence[tuple[float, Pixels]]) -> list[float]:
    """Inches that the tallest thumbnail needs when all share the width; nothing where there is none."""
    if not frames:
        return []
    return [min(1.6, max(8.9 / len(frames) * f.shape[0] / f.shape[1] for _, f in frames))]


def _thumbnails(axis: Axes, below: Axes, frames: Sequence[tuple[float, Pixels]]) -> None:
    """Frames in a row, as wide as the room allows, each with a line down to its time."""
    from matplotlib import patches

    axis.set_axis_off()
    room = 1.0 / len(frames)
    for i, (time_s, frame) in enumerate(sorted(frames, key=lambda pair: pair[0])):
        inset = axis.inset_axes((i * room + 0.004, 0.0, room - 0.008, 1.0))
        inset.imshow(frame, interpolation="lanczos")
        inset.set_anchor("S")
        inset.set_axis_off()
        line = patches.ConnectionPatch(
            (0.5, 0), (time_s, 1), inset.transAxes, below.get_xaxis_transform(), color=SOFT, linewidth=0.8
        )
        axis.figure.add_artist(line)


def _dot(axis: Axes, y: int, row: Row, colour: str, fill: str) -> None:
    value, low, high = (number(row, key) for key in ("auc", "auc_low", "auc_high"))
    axis.annotate(
        number_text(value), (1, y), (6, 0), xycoords=axis.get_yaxis_transform(), textcoords="offset points",
        va="center", fontsize=9, color=INK,
    )  # fmt: skip
    if low is not None and high is not None:
        axis.plot([low, high], [y, y], color=colour, linewidth=2.2, alpha=0.45, solid_capstyle="round")
    if value is not None:
        axis.plot([value], [y], marker="o", markersize=7, color=colour, markerfacecolor=fill, linewidth=0)
