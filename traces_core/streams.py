"""Streams: what the features of a video say against the bank, one kind of evidence at a time.

    appearance   each sampled frame against the traces (CLIP alone)
    fused        each window, frames and temporal tokens fused, against the traces (TRACES)
    action       what the window encoder's head calls the window; each label is a sentence, and its score
                 is the bank's own: sum over labels of probability x gap(label)
    late         mean of the three, each on the scale it has on normal footage

All are causal. Scaling and the fourth stream need normal footage and are in `model.late`; formulas over
neighbours are in `scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from traces_core.bank.bank import Bank
from traces_core.encoders.features import Features
from traces_core.fusion.window_fusion import WindowFusion
from traces_core.fusion.windows import fuse_windows
from traces_core.scoring import ScorerSettings, label_gaps, score_vectors
from traces_core.types import Array, ScoreTrack

APPEARANCE, FUSED, ACTION, LATE = "appearance", "fused", "action", "late"


@dataclass(frozen=True)
class Scorer:
    """Everything that turns features into scores: the bank, the fusion, the labels as sentences."""

    bank: Bank
    """Traces of both sides, in CLIP's space."""
    fusion: WindowFusion
    """Trained, or the identity."""
    label_vectors: Array
    """float32 (L, D): the action labels as sentences, in CLIP's space."""
    space: str
    """CLIP's space."""
    scorer: ScorerSettings
    """From vectors to scores."""
    k: int = 5
    """Nearest traces of each side that explain a moment."""

    def contexts_of(self, context: str | None) -> Sequence[str] | None:
        """The contexts whose traces answer: the camera's own where the bank knows it, else all."""
        return (context,) if context in self.bank.contexts else None

    def fused_vectors(self, features: Features) -> Array:
        """float32 (T, D): one fused unit vector a window."""
        return fuse_windows(self.fusion, features.window_frames, features.tokens)

    def score(self, features: Features, context: str | None = None) -> dict[str, ScoreTrack]:
        """The tracks of one video, by stream.

        Parameters
        ----------
        features
            What the encoders saw.
        context
            The kind of place, where it is known.

        Returns
        -------
        dict of str to ScoreTrack
            `appearance` at every sampled frame, `fused` and `action` at every window's end; each in the
            scorer's units, `difference` in [-2, 2] and above 0 where the anomalous side is nearer.
        """
        contexts = self.contexts_of(context)
        score = partial(
            score_vectors, bank=self.bank, space=self.space, scorer=self.scorer, contexts=contexts
        )
        gaps = label_gaps(
            self.label_vectors, self.bank, space=self.space, scorer=self.scorer, contexts=contexts
        )
        # Normalised again: the vectors were kept in half precision.
        values = {
            APPEARANCE: score(_unit(features.frames)),
            FUSED: score(self.fused_vectors(features)),
            ACTION: (features.labels @ gaps).astype(np.float32),
        }
        times = {APPEARANCE: features.frame_times_s}
        return {
            stream: ScoreTrack(times.get(stream, features.window_times_s), scores, stream=stream)
            for stream, scores in values.items()
        }


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
