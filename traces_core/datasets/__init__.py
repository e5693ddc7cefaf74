"""Ground truth: which stretches of which videos are anomalous, checked and fingerprinted.

    ground_truth  what is true, in seconds, and its checks
    marks         from frame numbers or frame labels to a ground truth
    names         which video a name means
    lengths       how long each video is
    table         the project's own layout
    ucf_crime     UCF-Crime, its re-annotation, MSAD
    xd_violence   XD-Violence
    frame_table   a table that labels every frame

A reader for another layout is a module of its own that ends in `GroundTruth.from_rows`. Metrics belong in
`traces_core.metrics`, decoding in `traces_core.video`.
"""

from __future__ import annotations

from traces_core.datasets.frame_table import read_frame_table
from traces_core.datasets.ground_truth import AnnotationRow, GroundTruth, frame_times
from traces_core.datasets.lengths import Length, parse_rate, read_lengths
from traces_core.datasets.marks import Ends, Mark, truth_from_labels, truth_from_marks
from traces_core.datasets.names import VideoNames, bare_name
from traces_core.datasets.table import COLUMNS, read_annotations
from traces_core.datasets.ucf_crime import read_msad, read_ucf_crime
from traces_core.datasets.xd_violence import read_xd_violence

__all__ = [
    "COLUMNS",
    "AnnotationRow",
    "Ends",
    "GroundTruth",
    "Length",
    "Mark",
    "VideoNames",
    "bare_name",
    "frame_times",
    "parse_rate",
    "read_annotations",
    "read_frame_table",
    "read_lengths",
    "read_msad",
    "read_ucf_crime",
    "read_xd_violence",
    "truth_from_labels",
    "truth_from_marks",
]
