"""The scene: what a place has looked like so far, as one vector; and the controls for it.

Any image encoder will do: the vectors of its frames come in. What the scene does to a text is in `gate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.context_aware.settings import SceneControl
from traces_core.types import Array


class RunningScene:
    """The scene so far: the unit mean of all frames that came.

    Examples
    --------
    >>> scene = RunningScene()
    >>> scene.push(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), np.array([0, 1])).round(3).tolist()
    [[1.0, 0.0], [0.7070000171661377, 0.7070000171661377]]
    """

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | None = None

    def push(self, frames: Array, ends: NDArray[np.int64]) -> Array:
        """Take the next frames; the scene at some of them. Pieces of any size give the same bits.

        Parameters
        ----------
        frames : float32 array of shape (F, S)
            Vectors of the frames, in the order of time.
        ends : int64 array of shape (T,)
            Positions of the frames asked for, rising.

        Returns
        -------
        float32 array of shape (T, S)
            Unit norm. Causal: row i rests on the frames up to ends[i].
        """
        before = np.zeros(frames.shape[1]) if self._sum is None else self._sum
        sums = np.cumsum(np.concatenate([before[None], frames]), axis=0, dtype=np.float64)[1:]  # (F, S)
        if len(sums):
            self._sum = sums[-1]
        return _unit(sums[ends])


@dataclass(frozen=True)
class SceneReferences:
    """What the scenes of the training footage look like: what the controls give instead of a video's own."""

    names: tuple[str, ...]
    """Kinds of place, sorted."""
    vectors: Array
    """float32 (C, S), unit norm: the mean scene of each kind."""

    @classmethod
    def from_scenes(cls, scenes: Mapping[str, Array]) -> SceneReferences:
        """The mean scene of each kind of place, from (videos, S) vectors of each."""
        names = tuple(sorted(scenes))
        return cls(names, _unit(np.stack([scenes[name].mean(axis=0, dtype=np.float64) for name in names])))

    def apply_control(self, scenes: Array, control: SceneControl) -> Array:
        """The scenes that a gate gets: (T, S) to (T, S).

        Parameters
        ----------
        scenes : float32 array of shape (T, S)
            The video's own.
        control : str
            `matched`: its own. `generic`: the mean of all kinds, the same at all times. `mismatched`: at each
            time the kind that is least like it.
        """
        if control == "matched":
            return scenes
        if control == "generic":
            return np.repeat(_unit(self.vectors.mean(axis=0, keepdims=True)), len(scenes), axis=0)
        least: Array = self.vectors[(scenes @ self.vectors.T).argmin(axis=1)]
        return least


def _unit(vectors: NDArray[np.floating]) -> Array:
    unit: Array = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit
