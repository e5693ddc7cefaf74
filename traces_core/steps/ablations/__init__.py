"""Ablations: the benchmark again with one thing changed, to see what each part is worth.

steps    what is kept: the rows of each ablation, and the page
rows     what each ablation changes
ladder   the paper's own: the Context-Aware system with one part more at a time
"""

from __future__ import annotations

from traces_core.steps.ablations.ladder import ladder_report
from traces_core.steps.ablations.rows import benchmark_with, streams_of
from traces_core.steps.ablations.steps import ABLATIONS, ablation, results

__all__ = ["ABLATIONS", "ablation", "benchmark_with", "ladder_report", "results", "streams_of"]
