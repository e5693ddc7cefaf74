"""One kind of evidence on normal places: how large it is, and how seldom, with a tail beyond what was seen.

What the evidence is, and what is made of it, is in `surprise`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from traces_core.foreground.scene import Values
from traces_core.foreground.settings import ForegroundSettings

POINTS = 200
"""Quantiles that a tail keeps."""


@dataclass(frozen=True)
class Tail:
    """One kind of evidence on normal places: how large it is, and how seldom."""

    quantiles: Values
    """float64 (POINTS,), rising: from the lowest to where the tail begins."""
    begin: float
    """Share of normal places below the last of them."""
    pace: float
    """How far beyond it the share falls by e; infinite: what lies beyond is as odd as where it begins."""

    @classmethod
    def of(cls, normal: Values, settings: ForegroundSettings, *, is_bounded: bool) -> Tail:
        """From the evidence of normal places, (N,)."""
        begin = settings.tail_quantile
        quantiles = np.quantile(normal, np.linspace(0.0, begin, POINTS))
        beyond = normal[normal > quantiles[-1]] - quantiles[-1]
        return cls(quantiles, begin, math.inf if is_bounded or not len(beyond) else float(beyond.mean()))

    def surprise(self, evidence: Values) -> Values:
        """-log of the share of normal places above, nats, (N,)."""
        shares = np.linspace(0.0, self.begin, POINTS)
        within = -np.log1p(-np.interp(evidence, self.quantiles, shares))
        surprise: Values = within + np.maximum(evidence - self.quantiles[-1], 0.0) / self.pace
        return surprise
