"""The practice world: procedurally drawn surveillance footage with captions and annotations.

Everything that invents footage belongs below this package. Reading and writing real video files belongs
in `traces_core.video`.
"""

from __future__ import annotations

from traces_core.practice.captions import VOCABULARY, Caption, captions
from traces_core.practice.drawing import frames
from traces_core.practice.kinds import CONTEXTS, KINDS, LIGHTS, Kind, kinds_in
from traces_core.practice.plans import (
    POOLS,
    Event,
    Person,
    Plan,
    Vehicle,
    anomalous_intervals,
    plan_clip,
    plan_video,
)

__all__ = [
    "CONTEXTS",
    "KINDS",
    "LIGHTS",
    "POOLS",
    "VOCABULARY",
    "Caption",
    "Event",
    "Kind",
    "Person",
    "Plan",
    "Vehicle",
    "anomalous_intervals",
    "captions",
    "frames",
    "kinds_in",
    "plan_clip",
    "plan_video",
]
