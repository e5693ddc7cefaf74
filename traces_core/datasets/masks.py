"""Data sets that label every frame: ShanghaiTech, UCSD Ped1 and Ped2, CUHK Avenue, and a table of frames.

A frame is anomalous where its mask holds any pixel. The length of a video is the number of its labels, so
these readers need no list of lengths. Marks in frames belong in the modules of their data sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat

from traces_core.datasets.ground_truth import GroundTruth
from traces_core.datasets.lengths import Length
from traces_core.datasets.marks import truth_from_labels
from traces_core.datasets.names import VideoNames
from traces_core.datasets.table import read_text_table
from traces_core.errors import AnnotationError

FrameLabels = NDArray[np.bool_]
SHANGHAITECH_RATE = Fraction(24)
UCSD_RATE = Fraction(10)
AVENUE_RATE = Fraction(25)
FRAMES_RATE = Fraction(30)
_GT_FRAME = re.compile(r"^\s*TestVideoFile\{[^}]*\}\.gt_frame\s*=\s*\[([^\]]*)\]", re.M)


def read_shanghaitech(folder: Path | str) -> GroundTruth:
    """Ground truth from `test_frame_mask/*.npy`, one array of 0 and 1 per video, shape (F,).

    The standard test set (107 videos); the weakly supervised re-split is another one.
    """
    folder = Path(folder)
    labels = {}
    for path in _files(folder, "*.npy"):
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise AnnotationError(f"{path}: cannot be read as an array ({error}). Copy it anew.") from error
        if values.ndim != 1 or not np.isin(values, (0, 1)).all():
            raise AnnotationError(
                f"{path}: shape {values.shape}; expected one 0 or 1 for each frame, shape (F,)."
            )
        labels[path.stem] = values.astype(np.bool_)
    return truth_from_labels("ShanghaiTech", labels, rates=SHANGHAITECH_RATE)


def read_avenue(folder: Path | str) -> GroundTruth:
    """Ground truth of CUHK Avenue from `testing_label_mask/*_label.mat` (`volLabel`: one mask per frame).

    Videos are called 01 to 21, as their files are.
    """
    folder = Path(folder)
    labels = {}
    for path in _files(folder, "*_label.mat"):
        try:
            masks = loadmat(path)["volLabel"].ravel()
        except NotImplementedError as error:
            raise AnnotationError(
                f"{path}: a MATLAB 7.3 file (HDF5), which is not read here. Save it with "
                "save(..., '-v7'), or take the files of the data set's own download."
            ) from error
        except (OSError, ValueError, KeyError) as error:
            raise AnnotationError(
                f"{path}: no 'volLabel' can be read ({type(error).__name__}: {error}). Copy the file anew."
            ) from error
        name = path.name.removesuffix("_label.mat")
        labels[name.zfill(2)] = np.array([bool(np.any(mask)) for mask in masks], dtype=np.bool_)
    return truth_from_labels("CUHK Avenue", labels, rates=AVENUE_RATE)


def read_ucsd_masks(folder: Path | str, *, data_set: str) -> GroundTruth:
    """Ground truth of UCSD Ped1 or Ped2 from the folders of `Test`: `Test001/*.tif`, `Test001_gt/*.bmp`.

    Ped1 has masks for ten of its 36 clips only: for all of them use `read_ucsd_intervals`.

    Raises
    ------
    AnnotationError
        If a clip has no masks, or not one for each frame.
    """
    folder = Path(folder)
    labels = {}
    for clip, frames in ucsd_lengths(folder).items():
        masks = _files(folder / f"{clip}_gt", "*.bmp")
        if len(masks) != frames:
            raise AnnotationError(f"{folder / clip}: {frames} frames, but {len(masks)} masks. Copy it anew.")
        labels[clip] = np.array([np.asarray(Image.open(mask)).any() for mask in masks], dtype=np.bool_)
    return truth_from_labels(data_set, labels, rates=UCSD_RATE)


def read_ucsd_intervals(path: Path | str, lengths: Mapping[str, int], *, data_set: str) -> GroundTruth:
    """Ground truth of UCSD Ped1 or Ped2 from its `.m` file, or a table `video, first_frame, last_frame`.

    Parameters
    ----------
    path : `UCSDped1.m` or `UCSDped2.m` (the n-th line is clip Test00n; frames counted from 1, both ends
        included), or a .csv or .parquet table (frames counted from 0, both ends included).
    lengths : frames of each clip, as `ucsd_lengths` counts them.
    data_set : name of the ground truth.
    """
    path = Path(path)
    labels = {clip: np.zeros(frames, dtype=np.bool_) for clip, frames in lengths.items()}
    is_table = path.suffix in (".csv", ".parquet")
    for where, clip, first, last in _table_stretches(path) if is_table else _matlab_stretches(path):
        if clip not in labels or not 0 <= first <= last < len(labels[clip]):
            raise AnnotationError(
                f"{where}: frames {first} to {last} of {clip!r} (from 0), which has "
                f"{len(labels[clip]) if clip in labels else 'no'} frames. Is it the other data set's file?"
            )
        labels[clip][first : last + 1] = True
    return truth_from_labels(data_set, labels, rates=UCSD_RATE)


def ucsd_lengths(folder: Path | str) -> dict[str, int]:
    """Frames of each clip of a UCSD `Test` folder: its .tif (or .jpg) files."""
    folder = Path(folder)
    clips = sorted(
        path for path in folder.glob("Test[0-9]*") if path.is_dir() and not path.name.endswith("_gt")
    )
    if not clips:
        raise AnnotationError(f"{folder}: no clip folder Test001, Test002, ... Name the folder 'Test'.")
    counts = {}
    for clip in clips:
        frames = [f for f in clip.iterdir() if f.suffix in (".tif", ".jpg") and not f.name.startswith(".")]
        if not frames:
            raise AnnotationError(f"{clip}: no .tif or .jpg frame. Copy the clip anew.")
        counts[clip.name] = len(frames)
    return counts


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
        found, given = {v: len(y) for v, y in labels.items()}, {v: n.frames for v, n in lengths.items()}
        if found != given:
            video = sorted(v for v in found.keys() | given.keys() if found.get(v) != given.get(v))[0]
            raise AnnotationError(
                f"{path} (video {video!r}): {found.get(video, 'no')} frames in the table, "
                f"{given.get(video, 'no')} in the lengths. Make them agree, or leave the lengths out."
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
    flag = pl.col("anomalous").cast(pl.String).str.strip_chars().str.to_lowercase()
    flags = {"0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}
    read = table.select(
        pl.col("video").cast(pl.String),
        frame=pl.col("frame").cast(pl.Int64, strict=False),
        anomalous=flag.replace_strict(flags, default=None, return_dtype=pl.Boolean),
    )
    wrong = read.select(pl.any_horizontal(pl.all().is_null())).to_series().arg_true()
    if len(wrong):
        raise AnnotationError(
            f"{path}: row {wrong[0] + 1} {table.select('video', 'frame', 'anomalous').row(wrong[0])}: "
            "expected a name, a whole number and 0 or 1."
        )
    return read


def _files(folder: Path, pattern: str) -> list[Path]:
    found = sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))
    if not found:
        raise AnnotationError(f"{folder}: no {pattern}. Name the folder that holds these files.")
    return found


def _matlab_stretches(path: Path) -> Iterable[tuple[str, str, int, int]]:
    try:
        entries = _GT_FRAME.findall(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: cannot be read as text ({error}). Check the path.") from error
    if not entries:
        raise AnnotationError(f"{path}: no line 'TestVideoFile{{end+1}}.gt_frame = [60:180];'.")
    for number, entry in enumerate(entries, 1):
        where = f"{path}: entry {number}"
        for part in re.split(r"[,\s]+", entry.strip()):
            first, _, last = part.partition(":")
            if not (first.isdigit() and last.isdigit()):
                raise AnnotationError(f"{where}: {part!r} is not a stretch of frames such as 60:180.")
            yield where, f"Test{number:03d}", int(first) - 1, int(last) - 1


def _table_stretches(path: Path) -> Iterable[tuple[str, str, int, int]]:
    table = read_text_table(path)
    if not {"video", "first_frame", "last_frame"} <= set(table.columns):
        raise AnnotationError(
            f"{path}: found the columns {', '.join(table.columns)}; expected video, first_frame, last_frame."
        )
    rows = table.select("video", "first_frame", "last_frame").rows()
    for number, (video, first, last) in enumerate(rows, 1):
        where = f"{path}: row {number}"
        try:
            yield where, str(video), int(str(first)), int(str(last))
        except ValueError:
            raise AnnotationError(f"{where}: {first!r} and {last!r} are not both whole numbers.") from None
