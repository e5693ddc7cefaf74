"""Reports and pictures: what a result looks like on a page, in a plot and in a terminal.

Numbers come in ready; nothing is measured here. Metrics belong in `traces_core.metrics`, the choice of the
moments in `traces_core.detector`. No page needs the network, and no picture carries a date: the
same values give the same bytes.
"""

from __future__ import annotations

from traces_core.report.benchmark import write_benchmark_report
from traces_core.report.images import attention_layer, data_uri
from traces_core.report.model import POCKET_NOTICE, BenchmarkReport, ExplainedMoment, Figure, VideoReport
from traces_core.report.new_bank import NewBankReport, write_new_bank_report
from traces_core.report.plots import dots, score_curve, sparkline, training_curves
from traces_core.report.terminal import result_table
from traces_core.report.video import write_video_report

__all__ = [
    "POCKET_NOTICE",
    "BenchmarkReport",
    "ExplainedMoment",
    "Figure",
    "NewBankReport",
    "VideoReport",
    "attention_layer",
    "data_uri",
    "dots",
    "result_table",
    "score_curve",
    "sparkline",
    "training_curves",
    "write_benchmark_report",
    "write_new_bank_report",
    "write_video_report",
]
