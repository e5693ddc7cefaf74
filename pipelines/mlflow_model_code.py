"""The detector as MLflow sees it: this file travels with the model and runs wherever it is loaded.

A table with a column `video` (paths) and, where the place is known, `context` comes in; a score table goes
out. Nothing here knows the graph, and nothing is unpickled. How a model is made belongs in `mlflow_model`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import polars as pl
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from traces_core.detector.detector import Detector
from traces_core.detector.saved import open_detector
from traces_core.errors import UnknownNameError, VideoError

SCORES = pl.Schema(
    {
        "video": pl.String(),
        "time_s": pl.Float64(),
        "stream": pl.String(),
        "score": pl.Float32(),
        "reason": pl.String(),
    }
)
"""What comes out: a row has either a score, or the reason why there is none (from `time_s` on)."""


class DetectorModel(PythonModel):  # type: ignore[misc]
    """Scores videos with the detector that lies beside it."""

    detector: Detector

    def load_context(self, context: PythonModelContext) -> None:
        """Load encoders, bank, fusion and thresholds; TRACES_DEVICE names the torch device, else cpu."""
        folder = Path(context.artifacts["detector"])
        self.detector = Detector.load(open_detector(folder, os.environ.get("TRACES_DEVICE", "cpu")))

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame) -> pd.DataFrame:
        """One row a score, all streams, video by video; a video that fails costs the others nothing."""
        places = model_input.get("context", [None] * len(model_input))
        tables = [
            self._scored(str(video), place if isinstance(place, str) and place else None)
            for video, place in zip(model_input["video"], places, strict=True)
        ]
        return _frame(pl.concat([SCORES.to_frame(), *tables]))

    def _scored(self, video: str, context: str | None) -> pl.DataFrame:
        try:
            scored = self.detector.score(video, context)
        except (VideoError, UnknownNameError) as error:
            return _unscored(video, None, str(error))
        table = scored.table().with_columns(reason=pl.lit(None, pl.String))
        return table if scored.broken is None else table.vstack(_unscored(video, scored.end_s, scored.broken))


def _unscored(video: str, from_s: float | None, reason: str) -> pl.DataFrame:
    return pl.DataFrame([(video, from_s, None, None, reason)], schema=SCORES, orient="row")


def _frame(table: pl.DataFrame) -> pd.DataFrame:
    """As pandas; missing values are None, because `mlflow models predict` would write NaN into its JSON."""
    frame = table.to_pandas()
    missing = [name for name in frame.columns if frame[name].isna().any()]
    return frame.astype(dict.fromkeys(missing, object)).where(frame.notna(), None)


set_model(DetectorModel())
