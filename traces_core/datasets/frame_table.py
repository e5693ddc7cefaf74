"""A table that labels every frame: for data sets whose marks are masks or anything else.

The length of a video is the number of its labels, so no list of lengths is needed. Marks in frames belong in
the modules of their data sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl

from traces_core.datasets.ground_truth import GroundTruth
from traces_core.datasets.lengths import Length
from traces_core.datasets.marks import truth_from_labels
from traces_core.datasets.names import VideoNames
from traces_core.datasets.table import plain_columns, read_text_table
from traces_core.errors import AnnotationError

FRAMES_RATE = Fraction(30)


def read_frame_table(
    path: Path | str, lengths: Mapping[str, Length] | None = None, *, rate: Fraction = FRAMES_RATE
) -> GroundTruth:
    """Ground truth from a table `video, frame, anomalous` with a row for EVERY frame, counted from 0.

    Parameters
    ----------
    path : a .csv or .parquet table; `anomalous` is 0 or 1, true or false.
    lengths : frames of each video, to be held against the table; None takes the table's.
    rate : frames per second where the lengths do not say it.

    Raises
    ------
    AnnotationError
        If a frame is missing, doubled or not a number, or a length differs.
    """
    path = Path(path)
    table = _frame_columns(path, read_text_table(path))
    labels = {}
    for (video,), rows in table.sort("frame").group_by("video", maintain_order=True):
        frames = rows["frame"].to_numpy()
        wrong = np.flatnonzero(frames != np.arange(len(frames)))
        if len(wrong):
            raise AnnotationError(
                f"{path} (video {video!r}): {len(frames)} rows, but frame {wrong[0]} is missing or doubled. "
                "Write one row for every frame, counted from 0, the normal ones too."
            )
        labels[str(video)] = rows["anomalous"].to_numpy()
    if not labels:
        raise AnnotationError(f"{path}: no frame. Write one row for every frame: video, frame, anomalous.")
    if lengths is not None:
        names = VideoNames(labels)
        lengths = {names.find(v, where="lengths", error=AnnotationError): n for v, n in lengths.items()}
        counted, stated = {v: len(y) for v, y in labels.items()}, {v: n.frames for v, n in lengths.items()}
        if counted != stated:
            video = sorted(v for v in counted.keys() | stated.keys() if counted.get(v) != stated.get(v))[0]
            raise AnnotationError(
                f"{path} (video {video!r}): {counted.get(video, 'no')} frames in the table, "
                f"{stated.get(video, 'no')} in the lengths. Make them agree, or leave the lengths out."
            )
    rates = {video: (lengths or {}).get(video, Length(1)).rate or rate for video in labels}
    return truth_from_labels(path.stem, labels, rates=rates)


def _frame_columns(path: Path, table: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("video", "frame", "anomalous") if name not in table.columns]
    if missing:
        raise AnnotationError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(table.columns)}. "
            "Write one row for every frame: video, frame, anomalous."
        )
    table = plain_columns(table, ("video", "frame", "anomalous"), where=str(path))
    flag = pl.col("anomalous").cast(pl.String).str.strip_chars().str.to_lowercase()
    flags = {"0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}
    number = pl.col("frame").cast(pl.Float64, strict=False)
    read = table.select(
        pl.col("video").cast(pl.String),
        frame=pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False),
        anomalous=flag.replace_strict(flags, default=None, return_dtype=pl.Boolean),
    )
    wrong = read.select(pl.any_horizontal(pl.all().is_null())).to_series().arg_true()
    if len(wrong):
        raise AnnotationError(
            f"{path}: row {wrong[0] + 1} {table.select('video', 'frame', 'anomalous').row(wrong[0])}: "
            "expected a name, a whole number and 0 or 1."
        )
    return read
