"""How good a score is, in numbers that an operator and a reviewer can both trust.

    frame       scores and labels at the same frames
    ranking     ROC-AUC, average precision, trapezoid, ties
    bootstrap   intervals over videos
    alarms      episodes against true events: recall, delay, false alarms per hour
    localisation  the extent of episodes against that of events
    score_table the scores of a file, fitted to a ground truth
    baselines   what a score that knows nothing, or the truth, gets on the same ground truth
    evaluation  all of it as one row
    numbers     which numbers of a row are kept, compared and shown

Scores become episodes in `traces_core.streams.episodes`. Thresholds to run with come from
`traces_core.streams.thresholds`, never from here: what is computed here has seen the ground truth.
"""

from __future__ import annotations

from traces_core.metrics.alarms import EventResult, alarms_at_recall, judge_alarms
from traces_core.metrics.baselines import BASELINES, baselines
from traces_core.metrics.bootstrap import (
    Bounds,
    Cells,
    auc_of_draws,
    average_precision_of_draws,
    draw_videos,
    percentile_bounds,
)
from traces_core.metrics.evaluation import STATED_RECALL, Evaluation, evaluate
from traces_core.metrics.frame import FrameScores, auc_anomalous, auc_macro, scores_at
from traces_core.metrics.localisation import localisation
from traces_core.metrics.numbers import columns_of, numbers_of
from traces_core.metrics.ranking import LevelCounts, roc_auc
from traces_core.metrics.score_table import ScoreTable, read_scores

__all__ = [
    "BASELINES",
    "STATED_RECALL",
    "Bounds",
    "Cells",
    "Evaluation",
    "EventResult",
    "FrameScores",
    "LevelCounts",
    "ScoreTable",
    "alarms_at_recall",
    "auc_anomalous",
    "auc_macro",
    "auc_of_draws",
    "average_precision_of_draws",
    "baselines",
    "columns_of",
    "draw_videos",
    "evaluate",
    "judge_alarms",
    "localisation",
    "numbers_of",
    "percentile_bounds",
    "read_scores",
    "roc_auc",
    "scores_at",
]
