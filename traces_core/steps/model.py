"""Step of the model: what the detector is that the graph made last, told from every other by its recipe.

How such a detector is kept and opened is in `traces_core.detector.saved`, who runs it
in `pipelines.champion`.
"""

from __future__ import annotations

from traces_core.detector.saved import SECTIONS
from traces_core.project import Project
from traces_core.steps.calibration import alarms
from traces_core.steps.features import features_of
from traces_core.steps.scores import anomaly_scores
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.running import step


@step
def detector_model(
    project: Project, trace_index: Artifact, adapters: Artifact, thresholds: Artifact
) -> Artifact:
    """What the detector is that the graph made last, in words: its recipe tells it from every other.

    Returns
    -------
    Artifact
        JSON with `parts` (fingerprints by name), `settings`, and the encoders by reference: `space`,
        `window_encoder`.
    """
    card = {
        "parts": {one.name: one.fingerprint for one in (trace_index, adapters, thresholds)},
        "space": project.clip.space,
        "window_encoder": project.windows.fingerprint,
        "settings": project.settings.model_dump(mode="json", include=set(SECTIONS)),
    }
    scoring = [code_of(features_of), code_of(anomaly_scores), code_of(alarms)]
    encoders = [made_with(project.clip), made_with(project.windows)]
    made_from = {**card, "scoring": scoring, "encoders": encoders}
    return project.store.remember("detector_model", made_from=made_from, make=lambda: card)
