"""TRACES: zero-shot video anomaly detection that compares video with sentences about what may happen.

Plain Python: arrays in, arrays out. Dagster, MLflow and DVC are in `pipelines` and `assets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traces_core.detector.detector import Detector

__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    """Import the detector, and torch with it, only when somebody asks for it."""
    if name == "Detector":
        from traces_core.detector.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
