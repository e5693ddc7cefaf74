"""The stream `action`: what the window encoder's head calls each window.

Each label is a sentence, and its score is the bank's own: sum over labels of probability x gap(label).
"""

from __future__ import annotations

import numpy as np

from traces_core.encoders.evidence import Evidence
from traces_core.streams.base import Push, VectorScorer
from traces_core.types import Place, ScoreTrack


def start(scorer: VectorScorer, context: Place) -> Push:
    """What scores the labels of the windows of one video, in the scorer's units."""
    gaps = scorer.label_gaps(context)  # (L,)

    def push(evidence: Evidence) -> ScoreTrack:
        scores = (evidence.labels @ gaps).astype(np.float32)
        return ScoreTrack(evidence.window_times_s, scores, stream="action")

    return push
