"""The table of streams: every kind of evidence that becomes a score, one row each, the best first.

Every list and order of streams (thresholds, pages, result tables, command line, MLflow) comes from here. A
new stream is one file with a function like `appearance.start`, and one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from traces_core.encoders.evidence import Evidence
from traces_core.streams import action, appearance, fused
from traces_core.streams.base import Push, VectorScorer
from traces_core.types import Place

APPEARANCE, FUSED, ACTION, LATE = "appearance", "fused", "action", "late"
ALIGNMENT, SURPRISE, CONTEXT_AWARE = "alignment", "surprise", "context_aware"

Kind = Literal["frames", "tokens", "labels", "scene_frames", "grids"]


@dataclass(frozen=True, slots=True)
class Stream:
    """One row."""

    name: str
    """What it is called in tables, on pages and on the command line."""
    title: str
    """What it measures, in one phrase."""
    needs: tuple[Kind, ...]
    """The fields of `Evidence` that it reads."""
    start: Callable[[VectorScorer, Place], Push] | None = None
    """How it is scored: for the scorer and the context of one video, what takes its evidence. None for a
    fusion of others, and for what the Context-Aware system scores."""
    fused_into: str | None = LATE
    """The stream that it is a part of; None for none."""
    system: Literal["traces", "context_aware"] = "traces"
    """`traces` is always scored; `context_aware` on request."""
    is_causal: bool = True
    """Whether a score rests on frames up to its time. If not, the name contains `offline`."""
    is_on_pages: bool = True
    """Whether pages show it."""

    def __post_init__(self) -> None:
        """Refuse a stream that looks ahead without `offline` in its name, or reads what it is never given."""
        if self.is_causal == ("offline" in self.name):
            raise ValueError(
                f"stream {self.name!r}: is_causal is {self.is_causal}; the name must contain offline"
            )
        unseen = {"scene_frames", "grids"} & set(self.needs)
        if self.start is not None and unseen:
            raise ValueError(
                f"stream {self.name!r} reads {sorted(unseen)}, which only the Context-Aware system is "
                "given: it would never have a score. Read frames, tokens or labels."
            )

    def can_read(self, evidence: Evidence) -> bool:
        """Whether the evidence holds what it needs."""
        return all(getattr(evidence, name) is not None for name in self.needs)


STREAMS: dict[str, Stream] = {
    row.name: row
    for row in (
        Stream(LATE, "the mean of the streams below, each on its own scale", (), fused_into=None),
        Stream(FUSED, "each window, frames and time, against the traces", ("frames", "tokens"), fused.start),
        Stream(ACTION, "what the action head calls each window", ("labels",), action.start),
        Stream(APPEARANCE, "each frame against the traces", ("frames",), appearance.start),
        Stream(
            CONTEXT_AWARE,
            "alignment or surprise, whichever is less likely on normal footage",
            (),
            fused_into=None,
            system="context_aware",
        ),
        Stream(
            ALIGNMENT,
            "how badly each block fits the sentences of its place",
            ("frames", "tokens", "scene_frames", "grids"),
            fused_into=CONTEXT_AWARE,
            system="context_aware",
        ),
        Stream(
            SURPRISE,
            "how badly each block was predicted",
            ("grids",),
            fused_into=CONTEXT_AWARE,
            system="context_aware",
        ),
    )
}
"""By name, in the order of the pages."""


def in_order(names: Iterable[str]) -> list[str]:
    """Names of streams in the order of the table; what it does not list comes last, by name.

    Examples
    --------
    >>> in_order({"appearance", "unknown", "late"})
    ['late', 'appearance', 'unknown']
    """
    places = {name: place for place, name in enumerate(STREAMS)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def streams_of(system: str) -> list[str]:
    """Names of the streams of a system, in order."""
    return [name for name, row in STREAMS.items() if row.system == system]


def parts_of(fusion: str) -> list[str]:
    """Names of the streams that a fusion is made of, in order."""
    return [name for name, row in STREAMS.items() if row.fused_into == fusion]


def fusions() -> list[str]:
    """Names of the streams that are made of others, in order: the first to look at."""
    return [name for name in STREAMS if parts_of(name)]
