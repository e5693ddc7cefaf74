"""What a scorer is: parameters that can be fitted to a bank, and what scores vectors after that.

Shared by all scorers: which classes there are, the refusals, how many vectors are scored at once. The
formulas have modules of their own. None of them imports the bank when it is imported, so that settings can
hold scorers without loading an index library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from traces_core.errors import EmptySideError, MixedSpacesError
from traces_core.text.catalog import SIDES
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank

Floats = NDArray[np.float64]
Contexts = tuple[str, ...] | None

CHUNK = 4096
"""Most vectors scored at once: bounds the memory, changes nothing else."""


class FittedScorer(ABC):
    """A scorer that knows its bank. Each vector is scored alone: nothing of a video or a batch is used."""

    @property
    def chunk(self) -> int:
        """Most vectors that `score` and `class_scores` are given at once."""
        return CHUNK

    @abstractmethod
    def score(self, vectors: Array) -> NDArray[np.floating]:
        """Scores of shape (T,) of T unit vectors, `chunk` of them at most."""

    @abstractmethod
    def class_scores(self, vectors: Array) -> dict[str, NDArray[np.floating]]:
        """Scores of shape (T,) for each class that the contexts have, sorted by name."""


class ScorerSettings(BaseModel, ABC):
    """The parameters of a scorer, as params.yaml holds them; equal parameters are one scorer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    is_learned: ClassVar[bool] = False
    """Whether fitting computes anything that is worth remembering."""

    @abstractmethod
    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """The scorer for the traces of some contexts of a bank; None means all of them."""


def labels_of(bank: Bank, contexts: Contexts) -> list[str]:
    """The classes that have an anomalous trace in the contexts, sorted."""
    return [label for label in bank.classes if len(bank.trace_ids("anomalous", contexts, label))]


def require_both_sides(bank: Bank, contexts: Contexts) -> None:
    """Refuse contexts that leave nothing to compare with.

    Raises
    ------
    EmptySideError
        If the contexts have no normal or no anomalous trace.
    UnknownNameError
        If the bank has no such context.
    """
    for side in SIDES:
        if len(bank.trace_ids(side, contexts)) == 0:
            asked = "all contexts" if contexts is None else ", ".join(contexts) or "no context"
            raise EmptySideError(side, f"scoring in {asked}")


def checked(vectors: Array, bank: Bank) -> Array:
    """The same vectors, float32, if they can be compared with the bank's.

    Raises
    ------
    MixedSpacesError
        If they have another length than the bank's.
    NotFiniteError, NotUnitNormError, ValueError
        If they are no finite unit vectors, one a row.
    """
    from traces_core.bank.chunked_vectors import unit_vectors  # loads FAISS

    vectors = unit_vectors(vectors, where="scoring")
    if vectors.shape[1] != bank.dimensions:
        here = f"an encoder of {vectors.shape[1]} dimensions"
        raise MixedSpacesError(here=here, there=f"{bank.space} ({bank.dimensions}-d)", where="scoring")
    return vectors


def as_tuple(contexts: Sequence[str] | str | None) -> Contexts:
    """The contexts in one order, each once: equal sets are one request."""
    if contexts is None:
        return None
    return tuple(sorted({contexts} if isinstance(contexts, str) else set(contexts)))


def evenly_spaced(vectors: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many of the vectors, evenly spaced in their order: every context and class keeps its share.

    Examples
    --------
    >>> evenly_spaced(np.arange(10.0)[:, None], 4)[:, 0]
    array([0., 3., 6., 9.])
    """
    if len(vectors) <= most:
        return vectors
    return vectors[np.linspace(0, len(vectors) - 1, most).astype(np.intp)]
