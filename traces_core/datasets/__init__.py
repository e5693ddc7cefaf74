"""Ground truth: which stretches of which videos are anomalous, checked and fingerprinted.

`ground_truth` holds what is true and its checks, `table` the project's own layout. A reader for another
layout is a module of its own that ends in `GroundTruth.from_rows`. Metrics belong in `traces_core.metrics`,
decoding in `traces_core.video`.
"""

from __future__ import annotations

from traces_core.datasets.ground_truth import AnnotationRow, GroundTruth, frame_times
from traces_core.datasets.table import COLUMNS, read_annotations, write_annotations

__all__ = ["COLUMNS", "AnnotationRow", "GroundTruth", "frame_times", "read_annotations", "write_annotations"]
