"""Optical flow between frames: where each pixel of a frame was in the frame before it.

Flow is computed from a frame and the one before it, so it is causal. It is followed along a path in `places`.

Notes
-----
Dense inverse search (Kroeger et al. 2016) as OpenCV has it.
"""

from __future__ import annotations

import cv2

from traces_core.foreground.scene import Grey, Values

LARGER = 2
"""Flow is computed on a picture this many times as large: people are small."""

cv2.setNumThreads(1)  # more cores are used for more videos at once


class BackwardFlow:
    """Flow of one stream, frame by frame.

    Examples
    --------
    >>> import numpy as np
    >>> flow, still = BackwardFlow(), np.zeros((24, 32), np.uint8)
    >>> flow(still) is None, flow(still).shape
    (True, (24, 32, 2))
    """

    def __init__(self) -> None:
        """Begin a stream."""
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._last: Grey | None = None

    def __call__(self, frame: Grey) -> Values | None:
        """Where the pixels of the next frame came from.

        Parameters
        ----------
        frame : uint8 array of shape (H, W).

        Returns
        -------
        float32 array of shape (H, W, 2), pixels to the right and down from where a pixel is to where it was;
            None at the first frame of a stream.
        """
        rows, columns = frame.shape
        now = cv2.resize(frame, (LARGER * columns, LARGER * rows), interpolation=cv2.INTER_LINEAR)
        last, self._last = self._last, now
        if last is None:
            return None
        back = self._flow.calc(now, last, None)
        small: Values = cv2.resize(back, (columns, rows), interpolation=cv2.INTER_AREA) / LARGER
        return small
