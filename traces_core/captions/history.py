"""What a camera has shown so far: how unlike all of its earlier captions a caption is.

Causal: the past of the same video and nothing else. Means over the last seconds are in `trailing`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traces_core.types import Array


def departures(vectors: Array, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each caption of one video departs from the mean of those before it.

    With captions `v_i` and their lengths `d_i` in seconds::

        result_i = 1 - cosine(v_i, sum over j < i of d_j v_j),   result_0 = 0

    Parameters
    ----------
    vectors : float array of shape (T, D)
        Meanings of the captions, in the order of time; of any length.
    seconds : float64 array of shape (T,)
        Above 0.

    Returns
    -------
    float64 array of shape (T,)
        In [0, 2]; 0 for the first caption and wherever either side of the cosine is the zero vector.

    Notes
    -----
    Ours, in the spirit of NOVA's visual anchor (PAPERS, section 3): the first seconds of a video stand for
    its normal state. Here the anchor is all that the camera has shown, so it follows a change of the scene.

    Examples
    --------
    >>> departures(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.ones(3))
    array([0., 0., 1.])
    """
    wide = np.asarray(vectors, dtype=np.float64)
    past = np.cumsum(wide * seconds[:, None], axis=0) - wide * seconds[:, None]
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(past, axis=1)
    cosines = np.divide((wide * past).sum(axis=1), lengths, out=np.ones(len(wide)), where=lengths > 1e-12)
    departed: NDArray[np.float64] = np.clip(1 - cosines, 0.0, 2.0)
    departed[:1] = 0.0
    return departed
