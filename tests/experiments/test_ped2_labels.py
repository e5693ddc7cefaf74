"""The labels of Ped2's test clips, as a table of stretches."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from experiments.ped2.dataset import read_labels
from traces_core.errors import AnnotationError


def _written(folder: Path, text: str) -> Path:
    file = folder / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_stretches_are_the_labels_of_their_frames_both_ends_included(tmp_path: Path) -> None:
    text = "video,first_frame,last_frame\nTest001,2,4\nTest001,6,6\n"
    truth = read_labels(_written(tmp_path, text), {"Test001": 8, "Test002": 4})
    assert np.flatnonzero(truth.frame_labels("Test001")).tolist() == [2, 3, 4, 6]
    assert not truth.frame_labels("Test002").any()
    assert set(truth.rates.values()) == {Fraction(10)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,first_frame,last_frame\nTest001,1,90\n", "'Test001' .from 0., which has 6 frames"),
        ("video,first_frame,last_frame\nTest009,1,2\n", "row 1: .*no frames"),
        ("video,first_frame,last_frame\nTest001,1,x\n", "row 1.*whole numbers"),
        ("video,start_s\nTest001,1\n", "expected video, first_frame"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        read_labels(_written(tmp_path, text), {"Test001": 6})
