"""The Context-Aware system on one video: what it says beside the detector's own streams, and where.

It uses what the graph made (the jointly trained model, what normal footage scores, thresholds) and makes none
of it. `traces_core.detector` asks it where somebody wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from traces_core.calibration import Threshold
from traces_core.context_aware.pvalues import NormalFootage
from traces_core.context_aware.scoring import (
    ALIGNMENT,
    CONTEXT_AWARE,
    SURPRISE,
    ContextAwareScores,
    ContextScorer,
)
from traces_core.encoders.features import Features
from traces_core.project import Project
from traces_core.steps.block_views import views_of_file
from traces_core.steps.context_scores import calibration_of, context_scorer, findings, judged, mismatching
from traces_core.types import ScoreTrack

CONTEXT_STREAMS = (CONTEXT_AWARE, ALIGNMENT, SURPRISE)
"""What it adds, in the order of importance; all in -log10 of p-values on normal footage."""


@dataclass(frozen=True)
class ContextDetector:
    """Model, normal footage and thresholds, ready to judge."""

    project: Project
    """Settings and encoders."""
    scorer: ContextScorer
    """From what was seen to the two streams."""
    normal: NormalFootage
    """What normal footage scores, by scene."""
    thresholds: Mapping[str, Threshold]
    """When each stream calls somebody, in -log10 of a p-value."""

    @classmethod
    def load(cls, project: Project) -> ContextDetector:
        """The one that the graph of this project made last.

        Raises
        ------
        MissingArtifactError
            If the graph has not made its parts yet.
        """
        store = project.store
        normal, thresholds = calibration_of(store.current("context_aware_thresholds"))
        scorer = context_scorer(project, store.current("context_gate"), store.current("trace_index"))
        return cls(project, scorer, normal, thresholds)

    def judged(self, video: Path, features: Features, context: str | None) -> ContextAwareScores:
        """What it finds in one video, which is read once more, for the patch grids of its blocks.

        Parameters
        ----------
        features
            What the encoders saw of the video.
        context
            The kind of place: whose traces answer, and whose normal footage is the scale; None takes all.

        Returns
        -------
        Found
            The tracks `alignment`, `surprise` and `context_aware` in -log10 of p-values on normal footage
            (`surprise` is missing where nothing is predicted), and the surprise maps.

        Raises
        ------
        VideoError
            If no frame can be read.
        """
        views = views_of_file(self.project, video, features)
        found = findings(self.project, self.scorer, views, context)
        return ContextAwareScores(judged(self.normal, found.tracks, context), found.maps)

    def because(self, tracks: Mapping[str, ScoreTrack], at_s: float) -> str:
        """Which streams lift `context_aware` above its threshold at a moment, joined by `+`; empty: none."""
        some = {name: track for name, track in tracks.items() if name in CONTEXT_STREAMS}
        return mismatching(some, at_s, self.thresholds[CONTEXT_AWARE].value)
