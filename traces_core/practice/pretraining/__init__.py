"""Pre-training of the pocket encoders on the practice world, each from its seed alone.

`python -m traces_core.practice.pretraining --seed 0` makes both towers of `pocket-0`. Which clips, how
they are disturbed, what each tower learns and what is written beside the weights are modules here. Never
part of a demo or a test run: only a few steps of it are.
"""

from __future__ import annotations

from traces_core.practice.pretraining.clip import ClipTraining
from traces_core.practice.pretraining.footage import PretrainingClipSettings, VideoSettings
from traces_core.practice.pretraining.job import pretrain_clip, pretrain_pocket, pretrain_timesformer
from traces_core.practice.pretraining.recipe import read_recipe
from traces_core.practice.pretraining.timesformer import TimesformerTraining

__all__ = [
    "ClipTraining",
    "PretrainingClipSettings",
    "TimesformerTraining",
    "VideoSettings",
    "pretrain_clip",
    "pretrain_pocket",
    "pretrain_timesformer",
    "read_recipe",
]
