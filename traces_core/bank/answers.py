"""What a bank answers: a trace, and the nearest traces of some queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.types import Array


@dataclass(frozen=True, slots=True)
class Trace:
    """One sentence about a scene, as the bank knows it."""

    trace_id: int
    """Identity from its content."""
    context: str
    """Kind of place it is about."""
    side: str
    """`normal` or `anomalous`."""
    label: str
    """Class of the anomaly; empty on the normal side."""
    text: str
    """The sentence."""
    writer: str
    """Who wrote it."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest traces of each query, nearest first."""

    similarities: Array
    """float32 array of shape (Q, K): cosines in [-1, 1], falling along each row."""
    trace_ids: NDArray[np.int64]
    """int64 array of shape (Q, K): whose they are."""
