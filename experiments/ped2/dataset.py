"""UCSD Ped2 as it lies in its folder: normal training clips, test clips, labels of every test frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.material import data_set_folder
from traces_core.datasets import GroundTruth
from traces_core.datasets.masks import read_ucsd_intervals
from traces_core.store.digest import digest, file_digest

TITLE = "UCSD Ped2"
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
        return read_ucsd_intervals(self.folder / LABELS, lengths, data_set=TITLE)


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
