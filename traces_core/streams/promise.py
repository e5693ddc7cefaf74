"""A promise of so many false alarms a day, kept with a stated confidence, from one camera's own blocks.

`thresholds` keeps its rate on average over calibrations, so about half of the cameras end above it. Here the
threshold is the order statistic of the blocks' highest alarms that lies above the right quantile with the
stated confidence, for blocks of which neighbours may be alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr

DAY_S = 86400.0
_MOST_ALIKE = 0.99
"""Neighbours that are more alike than this are taken to be so much alike."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the normal blocks of a camera support."""

    alarms_per_day: float
    """False alarms a camera-day that are accepted."""
    confidence: float
    """Share of cameras that are to stay within (1 - delta)."""
    blocks: int
    """Normal blocks it rests on (n)."""
    block_s: float
    """Length of a block in seconds; all alarms of one block count as one."""
    correlation: float
    """Rank correlation of a block's highest alarm with the next one's, from 0 on."""
    value: float | None
    """Scores above it raise an alarm; None where the blocks are too few for the promise."""
    rank: int
    """`value` is so high among the blocks, 1 the highest; 0 where they are too few."""
    least_per_day: float
    """The fewest alarms a day that so many blocks can promise with this confidence."""
    missing_days: float
    """Camera-days that are still missing; 0 where the promise holds."""

    def __str__(self) -> str:
        number = f"{self.blocks} blocks of {self.block_s:g} s"
        alike = f"neighbours correlate by {self.correlation:.2f}"
        how = f"alarms a day with {100 * self.confidence:g} % confidence"
        if self.value is not None:
            return f"at most {self.alarms_per_day:g} {how}, by {number} ({alike})"
        if not self.blocks:
            return f"nothing was seen yet: {self.alarms_per_day:g} {how} take {self.missing_days:.1f} days"
        return (
            f"{number} ({alike}) support {self.least_per_day:.3g} {how} or more; "
            f"{self.alarms_per_day:g} take {self.missing_days:.1f} days more"
        )


def promise(
    begins_s: NDArray[np.float64],
    highest: NDArray[np.float64],
    *,
    alarms_per_day: float,
    confidence: float = 0.9,
    block_s: float = 60.0,
) -> Promise:
    """The threshold above which so many alarms a day come at most, with so much confidence.

    Parameters
    ----------
    begins_s : float64 (n,), when each normal block begins, rising (seconds).
    highest : float64 (n,), the highest alarm in each, as `thresholds.block_maxima` gives it.
    alarms_per_day : above 0, and less than one in every block.
    confidence : 1 - delta, above 0 and below 1.
    block_s : length of a block (seconds).

    Raises
    ------
    ValueError
        If the rate asks for an alarm in every block.

    Notes
    -----
    With alpha = alarms_per_day x block_s / 86400 and n independent blocks, the j-th highest lies above the
    (1 - alpha)-quantile with the chance P(Bin(n, alpha) >= j): the largest j for which that is at least the
    confidence (Wilks 1941). Blocks of which neighbours correlate by r count as N = n (1 - r) / (1 + r), as
    for the variance of a mean of a first-order autoregression; of n blocks it is then the
    floor(j n / N)-th highest.

    Examples
    --------
    >>> minutes = 60.0 * np.arange(1440)
    >>> one = promise(minutes, np.random.default_rng(0).random(1440), alarms_per_day=4)
    >>> one.rank, round(one.value, 3)
    (2, 0.998)
    """
    alpha = alarms_per_day * block_s / DAY_S
    if not 0 < alpha < 1:
        raise ValueError(
            f"{alarms_per_day:g} alarms a day in blocks of {block_s:g} s; expected more than none, and less "
            f"than {DAY_S / block_s:g}, one in every block"
        )
    n, alike = len(highest), _correlation(begins_s, highest, block_s)
    worth = (1 - alike) / (1 + alike)  # of a block
    effective = math.floor(n * worth)
    draws = int(binom.ppf(1 - confidence, effective, alpha)) if effective else 0
    rank = math.floor(draws / worth)
    needed = math.ceil(math.log(1 - confidence) / math.log1p(-alpha)) / worth
    return Promise(
        alarms_per_day=alarms_per_day,
        confidence=confidence,
        blocks=n,
        block_s=block_s,
        correlation=alike,
        value=float(np.sort(highest)[n - rank]) if rank else None,
        rank=rank,
        least_per_day=(1 - (1 - confidence) ** (1 / max(1, effective))) * DAY_S / block_s,
        missing_days=0.0 if rank else max(0.0, needed - n) * block_s / DAY_S,
    )


def _correlation(begins_s: NDArray[np.float64], highest: NDArray[np.float64], block_s: float) -> float:
    """Of blocks with those that follow at once; by ranks, which one loud minute does not decide."""
    follows = np.flatnonzero(np.abs(np.diff(begins_s) - block_s) < block_s / 2)
    before, after = highest[follows], highest[follows + 1]
    if len(follows) < 3 or np.ptp(before) == 0 or np.ptp(after) == 0:
        return 0.0
    return float(np.clip(spearmanr(before, after).statistic, 0.0, _MOST_ALIKE))
