"""UCSD Ped2 as it lies in its folder: normal training clips, test clips, labels of every test frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from experiments.material import data_set_folder
from traces_core.datasets import GroundTruth, truth_from_labels
from traces_core.datasets.table import plain_columns, read_text_table
from traces_core.errors import AnnotationError
from traces_core.store.digest import digest, file_digest

TITLE = "UCSD Ped2"
RATE = Fraction(10)
LABELS = "test_frame_labels.csv"
PARTS = ("train", "test")
"""Folders of the clips."""


@dataclass(frozen=True)
class Ped2:
    """Where the clips lie, and what they are."""

    folder: Path
    """The folder `ucsd_ped2`."""
    training: Mapping[str, Path]
    """Normal clips by name."""
    test: Mapping[str, Path]
    """Test clips by name."""
    fingerprint: str
    """Of every clip, not of the labels."""

    @property
    def parts(self) -> dict[str, Mapping[str, Path]]:
        """Training and test clips, by the folder they lie in."""
        return {"train": self.training, "test": self.test}

    def truth(self, lengths: Mapping[str, int]) -> GroundTruth:
        """The labels of the test clips, of which so many frames were scored."""
        return read_labels(self.folder / LABELS, lengths)


def ped2_data() -> Ped2:
    """The data set in the folder that TRACES_REAL_DATA names.

    Raises
    ------
    RealDataError
        If it is not set, or its folder `ucsd_ped2` lacks clips or labels.
    """
    folder = data_set_folder("ucsd_ped2", ["train/*.mp4", "test/*.mp4", LABELS])
    clips = {part: {path.stem: path for path in sorted((folder / part).glob("*.mp4"))} for part in PARTS}
    every = {part: {name: file_digest(path) for name, path in paths.items()} for part, paths in clips.items()}
    return Ped2(folder, clips["train"], clips["test"], digest(every))


def read_labels(path: Path, lengths: Mapping[str, int]) -> GroundTruth:
    """Ground truth of Ped2 from a table `video, first_frame, last_frame`.

    Parameters
    ----------
    path : a .csv or .parquet table; frames counted from 0, both ends included.
    lengths : frames of each clip.

    Raises
    ------
    AnnotationError
        If a column is missing, or a stretch does not lie within its clip.
    """
    labels = {clip: np.zeros(frames, dtype=np.bool_) for clip, frames in lengths.items()}
    for where, clip, first, last in _stretches(path):
        if clip not in labels or not 0 <= first <= last < len(labels[clip]):
            raise AnnotationError(
                f"{where}: frames {first} to {last} of {clip!r} (from 0), which has "
                f"{len(labels[clip]) if clip in labels else 'no'} frames. Is it the other data set's file?"
            )
        labels[clip][first : last + 1] = True
    return truth_from_labels(TITLE, labels, rates=RATE)


def _stretches(path: Path) -> Iterable[tuple[str, str, int, int]]:
    table = read_text_table(path)
    if not {"video", "first_frame", "last_frame"} <= set(table.columns):
        raise AnnotationError(
            f"{path}: found the columns {', '.join(table.columns)}; expected video, first_frame, last_frame."
        )
    names = ("video", "first_frame", "last_frame")
    rows = plain_columns(table.select(names), names, where=str(path)).rows()
    for number, (video, first, last) in enumerate(rows, 1):
        where = f"{path}: row {number}"
        try:
            yield where, str(video), int(str(first)), int(str(last))
        except ValueError:
            raise AnnotationError(f"{where}: {first!r} and {last!r} are not both whole numbers.") from None
