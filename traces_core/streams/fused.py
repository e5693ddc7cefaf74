"""The stream `fused`: each window, its frames and temporal tokens fused to one vector, against the traces."""

from __future__ import annotations

from traces_core.encoders.evidence import Evidence
from traces_core.streams.base import Push, VectorScorer
from traces_core.types import Place, ScoreTrack


def start(scorer: VectorScorer, context: Place) -> Push:
    """What scores the windows of one video, in the scorer's units."""

    def push(evidence: Evidence) -> ScoreTrack:
        vectors = scorer.fused_vectors(evidence.window_frames, evidence.tokens)
        return ScoreTrack(evidence.window_times_s, scorer.score_vectors(vectors, context), stream="fused")

    return push
