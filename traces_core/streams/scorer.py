"""What the streams of the table ask: the trace bank, the fusion, the action labels as sentences.

What each stream makes of it is in its own file; formulas over neighbours are in `traces_core.scoring`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from traces_core.bank.bank import Bank
from traces_core.encoders.evidence import Evidence
from traces_core.fusion.window_fusion import WindowFusion
from traces_core.fusion.windows import fuse_windows
from traces_core.scoring import ScorerSettings, score_vectors
from traces_core.streams.base import Push
from traces_core.streams.table import STREAMS
from traces_core.types import Array, Interval, Place, ScoreTrack
from traces_core.video import Gap


@dataclass(frozen=True)
class BankScorer:
    """Everything that turns evidence into scores against the traces."""

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

    def score_vectors(self, vectors: Array, context: Place) -> Array:
        """float32 (T,): the scores of unit vectors (T, D) against the traces of a context."""
        contexts = self.bank.contexts_of(context)
        return score_vectors(vectors, self.bank, space=self.space, scorer=self.scorer, contexts=contexts)

    def label_gaps(self, context: Place) -> Array:
        """float32 (L,): how anomalous each action label is, as a sentence, by the traces of a context.

        Its text ("people fighting") is scored as a frame would be, so that a window encoder's label
        probabilities can be weighed without naming its anomalous labels by hand.
        """
        return self.score_vectors(self.label_vectors, context)

    def fused_vectors(self, window_frames: Array, tokens: Array) -> Array:
        """float32 (T, D): one fused unit vector a window, from (T, W, D) and (T, W, D_time)."""
        return fuse_windows(self.fusion, window_frames, tokens)

    def start(self, context: Place = None) -> dict[str, Push]:
        """By stream of the table: what scores one video, piece by piece.

        Parameters
        ----------
        context
            The kind of place, where it is known.
        """
        return {name: row.start(self, context) for name, row in STREAMS.items() if row.start is not None}

    def score(self, pieces: Iterable[Evidence | Gap], context: Place = None) -> dict[str, ScoreTrack]:
        """The tracks of one video, by stream: `start`, with all that was seen of it pushed, anew after gaps.

        Returns
        -------
        dict of str to ScoreTrack
            Each in the scorer's units; `difference` in [-2, 2], above 0 where the anomalous side is nearer.
        """
        streams, unknown = self.start(context), list[Interval]()
        tracks: dict[str, list[ScoreTrack]] = {}
        for piece in pieces:
            if isinstance(piece, Gap):
                streams = self.start(context)
                unknown.append(Interval(piece.start_s, piece.end_s))
                continue
            for name, track in pushed(streams, piece).items():
                tracks.setdefault(name, []).append(track)
        return {name: ScoreTrack.joined(some, tuple(unknown)) for name, some in tracks.items()}


def pushed(streams: Mapping[str, Push], evidence: Evidence) -> dict[str, ScoreTrack]:
    """The next scores by stream; one without evidence is missing, not zero."""
    return {name: push(evidence) for name, push in streams.items() if STREAMS[name].can_read(evidence)}
