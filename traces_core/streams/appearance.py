"""The stream `appearance`: each sampled frame against the traces, by CLIP alone."""

from __future__ import annotations

import numpy as np

from traces_core.encoders.evidence import Evidence
from traces_core.streams.base import Push, VectorScorer
from traces_core.types import Place, ScoreTrack


def start(scorer: VectorScorer, context: Place) -> Push:
    """What scores the frames of one video, in the scorer's units."""

    def push(evidence: Evidence) -> ScoreTrack:
        # Normalised again: the vectors were kept in half precision.
        unit = evidence.frames / np.linalg.norm(evidence.frames, axis=-1, keepdims=True)
        return ScoreTrack(evidence.frame_times_s, scorer.score_vectors(unit, context), stream="appearance")

    return push
