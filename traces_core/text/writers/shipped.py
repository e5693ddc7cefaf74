"""The writer that needs no language model: the catalog as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from traces_core.text.catalog import Context
from traces_core.text.writers.base import Draft, Manuscript


@dataclass(frozen=True, slots=True)
class ShippedWriter:
    """The catalog as it stands: no language model.

    Examples
    --------
    >>> place = Context(context="yard", scene="An empty yard.", normal=("A cat sleeps.",),
    ...                 anomalous={"fire": ("A bin burns.", "Flames rise from a bin.")})
    >>> [manuscript] = ShippedWriter().write([place])
    >>> [draft.label for draft in manuscript.drafts]
    ['', 'fire', 'fire']
    """

    fingerprint: str = "shipped"
    model: None = None

    def write(self, contexts: Sequence[Context]) -> Iterator[Manuscript]:
        """Each sentence of each file, in its order."""
        for context in contexts:
            yield Manuscript(context, tuple(catalog_drafts(context)))


def catalog_drafts(context: Context) -> Iterator[Draft]:
    """What people wrote about a context: its normal side, then each class."""
    for text in context.normal:
        yield Draft("normal", "", text)
    for label, texts in context.anomalous.items():
        for text in texts:
            yield Draft("anomalous", label, text)
