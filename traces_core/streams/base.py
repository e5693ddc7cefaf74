"""What a stream takes and what it returns: the two types that each file of a stream uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from traces_core.encoders.evidence import Evidence
from traces_core.types import Array, Place, ScoreTrack

Push = Callable[[Evidence], ScoreTrack]
"""Takes the evidence that is new, gives the scores that are new; may remember what came before."""


class VectorScorer(Protocol):
    """What a stream may ask of the trace bank and the fusion; `scorer.BankScorer` answers."""

    def score_vectors(self, vectors: Array, context: Place) -> Array:
        """float32 (T,): the scores of unit vectors (T, D) against the traces of a context."""

    def label_gaps(self, context: Place) -> Array:
        """float32 (L,): how anomalous each action label is, as a sentence, by the traces of a context."""

    def fused_vectors(self, window_frames: Array, tokens: Array) -> Array:
        """float32 (T, D): one fused unit vector a window, from (T, W, D) and (T, W, D_time)."""
