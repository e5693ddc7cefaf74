"""Whether a camera shows what it is meant to show: health is not anomaly.

Looks at small grey pictures of the sampled frames. A camera without frames is the feed's to notice; what a
score means belongs in `traces_core.streams`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from traces_core.encoders.base import Pixels
from traces_core.live.masks import Mask

Fault = Literal["black", "frozen", "moved"]
"""What may be wrong with a picture."""

_SIZE = (64, 36)
"""Pixels across and down of the small pictures."""
DARK = 16.0
"""Grey levels of 255: a picture whose mean is below shows nothing."""
FLAT = 2.5
"""Grey levels: a picture that varies less shows nothing; a covered lens, a test picture of one colour."""
PATIENCE_S = 3.0
"""Seconds for which a picture must be black before it is said."""
MOVED_S = 10.0
"""Seconds of another view before it is said: a lorry or a train that passes fills a picture for less."""
FROZEN_S = 60.0
"""Seconds of equal pictures before a camera counts as frozen: the noise of a sensor never repeats."""
STRANGE = 0.35
"""Correlation of edges with the reference below which the view is another one."""
SETTLED_S = 30.0
"""Seconds after which another view is the reference, and that it takes to know one: the first picture may
show a lorry."""
LOOKED_S = 0.45
"""Pictures that follow sooner than so many seconds are not looked at: what is wrong lasts for seconds."""
_EDGE = 3
"""Small pixels to which an edge reaches, smoothed."""
_MEMORY_S = 60.0
"""Time constant of the reference (seconds)."""

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the picture."""

    fault: Fault
    """The kind."""
    detail: str
    """In words."""
    since_s: float
    """Time of the first frame that showed it (seconds)."""


class PictureHealth:
    """The pictures of one camera, frame by frame.

    Parameters
    ----------
    mask : what is hidden of them, which says nothing of the camera.

    Examples
    --------
    >>> health = PictureHealth()
    >>> dark = np.zeros((36, 64, 3), np.uint8)
    >>> health.look(dark, 0.0), health.look(dark, 4.0).fault
    (None, 'black')
    """

    def __init__(self, mask: Mask | None = None) -> None:
        width, height = _SIZE
        shown = ~(mask or Mask()).hidden(height, width)
        self._shown, self._inside = _within(shown, 1), _within(shown, _EDGE)
        self._since: dict[Fault, float] = {}
        self._last: Grey | None = None
        self._reference: Grey | None = None
        self._known_s = 0.0
        """From then on the reference is one: until then it is the mean of what was seen."""
        self._learned = 0
        self._last_s = 0.0
        self._finding: Finding | None = None

    def restart(self) -> None:
        """The source was away: nothing has frozen since; the view stays the reference."""
        self._since.clear()
        self._last = self._finding = None

    def look(self, pixels: Pixels, at_s: float) -> Finding | None:
        """What is wrong, by the frames so far; of those within `LOOKED_S` the first is looked at.

        Parameters
        ----------
        pixels : uint8 array of shape (H, W, 3)
        at_s : its time, rising from call to call (seconds).
        """
        if self._last is None or at_s - self._last_s >= LOOKED_S:
            self._finding = self._looked(pixels, at_s)
        return self._finding

    def _looked(self, pixels: Pixels, at_s: float) -> Finding | None:
        grey = cv2.resize(pixels, _SIZE, interpolation=cv2.INTER_AREA).mean(axis=2, dtype=np.float32)
        shown = grey[self._shown]
        is_dark, is_flat = bool(shown.mean() < DARK), bool(shown.std() < FLAT)
        is_same = self._last is not None and bool(np.array_equal(grey, self._last))
        edges = _edges(grey)[self._inside]
        is_strange = not (is_dark or is_flat) and at_s >= self._known_s and self._is_strange(edges)
        self._follow("black", is_dark or is_flat, at_s)
        self._follow("frozen", is_same, at_s)
        self._follow("moved", is_strange, at_s)
        if not (is_dark or is_flat or is_strange):
            self._learn(edges, at_s)
        elif is_strange and at_s - self._since["moved"] > SETTLED_S:
            self._begin(edges, at_s)
        self._last, self._last_s = grey, at_s
        return self._found(at_s, is_dark)

    def _is_strange(self, edges: Grey) -> bool:
        return self._reference is not None and _correlation(edges, self._reference) < STRANGE

    def _begin(self, edges: Grey, at_s: float) -> None:
        self._reference, self._known_s, self._learned = edges, at_s + SETTLED_S, 1

    def _follow(self, fault: Fault, is_there: bool, at_s: float) -> None:
        if is_there:
            self._since.setdefault(fault, at_s)
        else:
            self._since.pop(fault, None)

    def _learn(self, edges: Grey, at_s: float) -> None:
        if self._reference is None:
            self._begin(edges, at_s)
            return
        self._learned += 1
        weight = max(1 - np.exp(-(at_s - self._last_s) / _MEMORY_S), (at_s < self._known_s) / self._learned)
        self._reference = self._reference + np.float32(weight) * (edges - self._reference)

    def _found(self, at_s: float, is_dark: bool) -> Finding | None:
        words: dict[Fault, tuple[float, str]] = {
            "black": (
                PATIENCE_S,
                "the picture is dark" if is_dark else "the picture shows nothing: covered?",
            ),
            "frozen": (FROZEN_S, "the same picture again and again"),
            "moved": (MOVED_S, "the view is another one: moved, turned or blocked?"),
        }
        for fault, (patience_s, detail) in words.items():
            since_s = self._since.get(fault)
            if since_s is not None and at_s - since_s >= patience_s:
                return Finding(fault, detail, since_s)
        return None


def _within(shown: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    """What is shown without a margin of so many pixels, where the black around it mixes in.

    A narrow part is taken whole, and where all is hidden, all: it is black.
    """
    square = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    inner = cv2.erode(shown.astype(np.uint8), square).astype(np.bool_)
    return next((one for one in (inner, shown) if one.any()), ~shown)


def _edges(grey: Grey) -> Grey:
    """Strength of edges, smoothed: what stays where it is when the light changes or somebody walks by."""
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength: Grey = cv2.GaussianBlur(cv2.magnitude(across, down), (5, 5), 0)
    return strength


def _correlation(one: Grey, other: Grey) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6))
