"""Writers: who makes the traces of a context. One interface; the catalog as it stands is one of them.

A writer that asks a language model is another implementation of the same `Writer`, chosen by a parameter;
what it needs (an engine, a server, a budget) is its own affair. Judging what was written is in `gates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from traces_core.text.catalog import Context, Side


@dataclass(frozen=True, slots=True)
class Draft:
    """One sentence as a writer hands it over, before it has a place in the corpus."""

    side: Side
    """Which side of the bank it belongs to."""
    label: str
    """Its class on the anomalous side; empty on the normal side."""
    text: str
    """The sentence."""


class Writer(Protocol):
    """Makes the sentences of one context."""

    @property
    def name(self) -> str:
        """What the corpus records as the origin of each trace."""

    @property
    def fingerprint(self) -> str:
        """Everything about the writer that changes what it writes: model, prompt version, seed."""

    def write(self, context: Context) -> Iterator[Draft]:
        """The sentences of one context, both sides. The scene sentence is added by the corpus."""


@dataclass(frozen=True, slots=True)
class ShippedWriter:
    """The catalog as it stands: no language model.

    Examples
    --------
    >>> place = Context(context="yard", scene="An empty yard.", normal=("A cat sleeps.",),
    ...                 anomalous={"fire": ("A bin burns.", "Flames rise from a bin.")})
    >>> [draft.label for draft in ShippedWriter().write(place)]
    ['', 'fire', 'fire']
    """

    name: str = "shipped"
    fingerprint: str = "shipped"

    def write(self, context: Context) -> Iterator[Draft]:
        """Each sentence of the file, in its order."""
        for text in context.normal:
            yield Draft("normal", "", text)
        for label, texts in context.anomalous.items():
            for text in texts:
                yield Draft("anomalous", label, text)
