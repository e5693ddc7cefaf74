"""The Context-Aware system as a part of the detector: its streams beside those against the traces.

It uses what the graph made (the jointly trained model, what normal footage scores, thresholds) and makes none
of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traces_core.context_aware.calibration import ContextCalibration, PValueStage, mismatching
from traces_core.context_aware.scoring import ContextScorer
from traces_core.context_aware.views import BlockViews, Views
from traces_core.detector.loading import block_encoder, context_scorer, is_predicting, scene_encoder
from traces_core.encoders.base import ImageEncoder, WindowEncoder
from traces_core.encoders.evidence import Evidence
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.streams.table import CONTEXT_AWARE
from traces_core.types import Array, ScoreTrack


@dataclass(frozen=True)
class ContextDetector:
    """Model, normal footage and thresholds, ready to score."""

    project: Project
    """Settings and encoders."""
    scorer: ContextScorer
    """From what was seen to the two streams."""
    calibration: ContextCalibration
    """What normal footage scores by scene, and the thresholds."""
    parts: tuple[Artifact, ...] = ()
    """What it was made of."""

    @classmethod
    def load(cls, project: Project) -> ContextDetector:
        """The one that the graph of this store made last.

        Raises
        ------
        MissingArtifactError
            If the graph has not made its parts yet.
        """
        names = ("context_aware_thresholds", "context_gate", "trace_index")
        thresholds, gate, index = parts = tuple(project.store.current(name) for name in names)
        return cls(project, context_scorer(project, gate, index), ContextCalibration.load(thresholds), parts)

    @property
    def blocks(self) -> WindowEncoder | None:
        """The encoder that sees the predictor's blocks; None where nothing is predicted."""
        return block_encoder(self.project) if is_predicting(self.project) else None

    @property
    def scenes(self) -> ImageEncoder | None:
        """The encoder that sees the scene; None where that is CLIP."""
        has_network = self.project.settings.context_gate.scene_network is not None
        return scene_encoder(self.project) if has_network else None

    def start(self, context: str | None) -> ContextSystem:
        """What scores one video: the context's traces answer, its normal footage is the scale; None: all."""
        return ContextSystem(self, context)

    def because(self, tracks: Mapping[str, ScoreTrack], at_s: float) -> str:
        """Which streams lift `context_aware` above its threshold at a moment, joined by `+`; empty: none."""
        return mismatching(tracks, at_s, self.calibration.thresholds[CONTEXT_AWARE].value)


class ContextSystem:
    """The streams `alignment` and `surprise` and their fusion in -log10 of p-values, for one video.

    Parameters
    ----------
    detector : what scores.
    context : the kind of place; None for all of them.
    """

    def __init__(self, detector: ContextDetector, context: str | None) -> None:
        self._detector, self._context = detector, context
        self._device = detector.project.machine.device
        self._ranks = PValueStage(detector.calibration.normal, context)
        self.maps: Array | None = None
        """float32 (P, G, G), nats: the surprise maps of the last piece, at its times of `surprise`."""
        self._begin()

    def _begin(self) -> None:
        self._views = BlockViews(self._detector.project.settings.training.fusion.readout_frames)
        self._blocks = self._detector.scorer.start(self._context)

    def push(self, evidence: Evidence) -> dict[str, ScoreTrack]:
        """Take the next evidence; the next scores, none where no block ended."""
        self.maps = None
        views = self._views.push(evidence)
        if not len(views):
            return {}
        scores = self._blocks.push(Views.stack([views], self._device), views.times_s)
        self.maps = scores.maps
        return self._ranks.push(scores.tracks)

    def gap(self) -> None:
        """Scene and predictor start again; the fusion forgets the last scores."""
        self._begin()
        self._ranks.gap()
