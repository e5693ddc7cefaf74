"""The settings of the bank: from how many traces on it is searched by an index, and how closely.

Light on purpose: `traces_core.settings` reads it without loading FAISS.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BankSettings(BaseModel):
    """How the traces are searched, and what the search must find.

    Examples
    --------
    >>> BankSettings(exact_up_to=100_000).candidates
    500
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exact_up_to: int = Field(
        50_000, ge=1_000, description="A side of at most so many traces is searched exactly (count)."
    )
    coordinates: int = Field(
        2, ge=1, le=16, description="Coordinates of a vector that share a 4-bit code of the index (count)."
    )
    candidates: int = Field(
        500, ge=1, le=100_000, description="Traces an index proposes, to be compared exactly (count)."
    )
    retrain_share: float = Field(
        0.3, ge=0, le=1, description="Share of a side that may change before its index is retrained."
    )
    recall_at_k: int = Field(5, ge=1, description="Neighbours the recall gate looks at (count).")
    minimum_recall: float = Field(0.99, ge=0, le=1, description="Recall against exact search the gate asks.")
