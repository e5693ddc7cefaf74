"""Looking back over time: each score becomes a mean over the captions of the last seconds.

Captions are stretches of any length, so a mean counts seconds and not captions. What looks ahead belongs in
`traces_core.streams.offline`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError
from traces_core.types import Times

Floats = NDArray[np.float64]


def trailing_means(scores: Floats, start_s: Times, end_s: Times, windows_s: Sequence[float]) -> Floats:
    """Mean, over some windows, of the mean score of the last seconds of one video.

    With stretches `i` from `b_i` to `e_i`, their scores `s_i`, and `o_ij` the seconds of stretch `j` that lie
    in `(e_i - w, e_i]`::

        m_i(w) = sum over j <= i of o_ij s_j / sum over j <= i of o_ij
        result_i = mean over the windows w of m_i(w)

    The current stretch always counts, and alone where it is longer than the window. Seconds that no stretch
    covers count for nothing.

    Parameters
    ----------
    scores : float64 array of shape (T,)
    start_s, end_s : float64 arrays of shape (T,)
        Seconds; each stretch ends after it begins and before the next begins.
    windows_s
        Seconds, above 0; none gives the scores as they are.

    Returns
    -------
    float64 array of shape (T,)
        Value `i` rests on stretches 0 to `i`. Within the range of the scores so far.

    Notes
    -----
    Ours: several trailing windows are PAPERS, section 5, "temporal span"; the mean of them is a forgetting
    that has no single time constant.

    Examples
    --------
    >>> start = np.array([0.0, 3.0])
    >>> trailing_means(np.array([0.0, 8.0]), start, np.array([3.0, 4.0]), [4.0])
    array([0., 2.])
    """
    if not np.isfinite(scores).all():
        raise NotFiniteError(
            f"trailing_means: the score at {start_s[~np.isfinite(scores)][0]} s is not finite."
        )
    if not len(windows_s) or not len(scores):
        return scores
    for window_s in windows_s:
        if not (np.isfinite(window_s) and window_s > 0):
            raise ValueError(f"windows_s holds {window_s}; expected seconds above 0")
    means = [_trailing_mean(scores, start_s, end_s, window_s) for window_s in windows_s]
    averaged: Floats = np.mean(means, axis=0)
    return averaged


def _trailing_mean(scores: Floats, start_s: Times, end_s: Times, window_s: float) -> Floats:
    """`m_i(w)`: the sum from the stretch at the window's start on, less what of it lies before the window."""
    seconds = end_s - start_s
    covered = np.concatenate([[0.0], np.cumsum(seconds)])  # before each stretch, (T + 1,)
    # On the deviation from the first score: long quiet stretches stay exactly equal.
    summed = np.concatenate([[0.0], np.cumsum((scores - scores[0]) * seconds)])
    since_s = end_s - window_s
    first = np.minimum(np.searchsorted(end_s, since_s, side="right"), np.arange(len(scores)))
    missed_s = np.clip(since_s - start_s[first], 0.0, None)  # of the stretch at the window's start
    weights = covered[1:] - covered[first] - missed_s
    sums = summed[1:] - summed[first] - missed_s * (scores[first] - scores[0])
    is_alone = first == np.arange(len(scores))
    means: Floats = np.where(is_alone, scores, scores[0] + sums / weights)
    return means
