"""Pre-training of the pocket encoders on the practice world, each from its seed alone.

`python -m traces_core.encoders.pretraining --seed 0` makes both towers of `pocket-0`. Which clips, how
they are disturbed, what each tower learns and what is written beside the weights are modules here. Never
part of a demo or a test run: only a few steps of it are.
"""

from __future__ import annotations

from traces_core.encoders.pretraining.clip import ClipTraining
from traces_core.encoders.pretraining.footage import FootageSettings, VideoSettings
from traces_core.encoders.pretraining.job import pretrain_clip, pretrain_pocket, pretrain_timesformer
from traces_core.encoders.pretraining.recipe import read_recipe
from traces_core.encoders.pretraining.timesformer import TimesformerTraining

__all__ = [
    "ClipTraining",
    "FootageSettings",
    "TimesformerTraining",
    "VideoSettings",
    "pretrain_clip",
    "pretrain_pocket",
    "pretrain_timesformer",
    "read_recipe",
]
