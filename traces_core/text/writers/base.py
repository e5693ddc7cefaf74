"""What a writer is, and what it hands over: drafts with their origin, context by context.

Nothing here knows a language model. Judging what was written is in `traces_core.text.gates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from traces_core.text.catalog import Context, Side


@dataclass(frozen=True, slots=True)
class TraceOrigin:
    """Where a trace comes from."""

    writer: str
    """Name of the writer: shipped, vllm, openai."""
    model: str = ""
    """The language model; empty where a person wrote."""
    prompt_version: str = ""
    """Digest of the prompt's template; empty where a person wrote."""
    seed: int = 0
    """Seed that the model was asked with; 0 where a person wrote."""
    round: int = 0
    """How often the sentence was sent back before it was taken."""


SHIPPED = TraceOrigin("shipped")
"""The origin of every sentence of the catalog, whoever writes more."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One sentence as a writer hands it over, before it has a place in the corpus."""

    side: Side
    """Which side of the bank it belongs to."""
    label: str
    """Its class. On the normal side: the class it is the look-alike of; empty in the catalog."""
    text: str
    """The sentence."""
    origin: TraceOrigin = SHIPPED
    """Where it comes from."""


@dataclass(frozen=True, slots=True)
class Manuscript:
    """All that a writer has to say about one context."""

    context: Context
    """The context it is about."""
    drafts: tuple[Draft, ...]
    """Both sides. The scene sentence is added by the corpus."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many sentences were refused, repeated, sent back or dropped, where any were."""


class Writer(Protocol):
    """Makes the sentences of contexts."""

    @property
    def fingerprint(self) -> str:
        """Everything about the writer that changes what it writes: model, prompt version, seed."""

    @property
    def model(self) -> object | None:
        """The language model that it asks; None where it asks none."""

    def write(self, contexts: Sequence[Context]) -> Iterator[Manuscript]:
        """One manuscript a context, in the order given; the others do not change what is in it."""
