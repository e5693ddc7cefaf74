"""UBnormal: `<video>_tracks.txt` for each abnormal video, object by object.

A line is `object, first frame, last frame`, counted from 0, the last frame included (the data set's own
script writes `[first : last + 1]`). Tracks of several objects may overlap: a frame is anomalous with any.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from traces_core.datasets.ground_truth import GroundTruth
from traces_core.datasets.lengths import Length, bare_lengths
from traces_core.datasets.marks import Mark, truth_from_marks
from traces_core.errors import AnnotationError

UBNORMAL_RATE = Fraction(30)


def read_ubnormal(folder: Path | str, lengths: Mapping[str, Length]) -> GroundTruth:
    """Ground truth of UBnormal.

    Parameters
    ----------
    folder : searched with its sub-folders (`Scene1/abnormal_scene_1_scenario_1_annotations/...`).
    lengths : frames of every video of the split; those called `normal_...` have no tracks.

    Raises
    ------
    AnnotationError
        If an abnormal video has no tracks, or a line is not understood.
    """
    folder = Path(folder)
    known = bare_lengths(lengths)
    marks: list[Mark] = []
    for path in sorted(folder.rglob("*_tracks.txt")):
        name = path.name.removesuffix("_tracks.txt")
        if name in known:  # the folder holds every split, the lengths one
            marks += _tracks(path, name)
    tracked = {mark.video for mark in marks}
    wrong = sorted(video for video in known if video.startswith("abnormal") != (video in tracked))
    if wrong:
        raise AnnotationError(
            f"{folder}: {wrong[0]!r} has {'tracks' if wrong[0] in tracked else 'no tracks'}. Abnormal videos "
            "(abnormal_...) have a file ..._tracks.txt, normal ones none."
        )
    return truth_from_marks("UBnormal", marks, known, rate=UBNORMAL_RATE, ends="inclusive")


def _tracks(path: Path, video: str) -> list[Mark]:
    marks = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            _, first, last = (int(float(word)) for word in line.split(","))
        except ValueError:
            raise AnnotationError(f"{where}: {line!r} is not 'object, first frame, last frame'.") from None
        marks.append(Mark(video, first, last, "", where))
    return marks
