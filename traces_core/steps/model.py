"""Step of the model: what the detector is that the graph made last, told from every other by its recipe.

How such a detector is kept and opened is in `traces_core.detector.saved`, who runs it
in `pipelines.champion`.
"""

from __future__ import annotations

from traces_core.detector.saved import PARTS, SECTIONS
from traces_core.project import Project
from traces_core.steps.detection import alarms, anomaly_scores
from traces_core.steps.footage import features_of
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with, step


@step
def detector_card(project: Project) -> Artifact:
    """What the detector is that the graph made last, in words: its recipe tells it from every other.

    Returns
    -------
    Artifact
        JSON with `parts` (fingerprints by name), `settings`, and the encoders by reference: `space`,
        `window_encoder`.

    Raises
    ------
    MissingArtifactError
        If the graph has not made a part yet.
    """
    card = {
        "parts": {name: project.store.current(name).fingerprint for name in PARTS},
        "space": project.clip.space,
        "window_encoder": project.windows.fingerprint,
        "settings": project.settings.model_dump(mode="json", include=set(SECTIONS)),
    }
    scoring = [code_of(one) for one in (features_of, anomaly_scores, alarms)]
    encoders = [made_with(project.clip), made_with(project.windows)]
    made_from = {**card, "scoring": scoring, "encoders": encoders}
    return project.store.remember("detector_model", made_from=made_from, make=lambda: card)
