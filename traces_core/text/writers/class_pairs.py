"""The pairs of one class of one context while they are written: taken, waiting, or still missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from traces_core.text.catalog import Context
from traces_core.text.writers.replies import may_stand, plain, tidy


@dataclass
class ClassPairs:
    """One class of one context while it is written."""

    context: Context
    label: str
    taken: set[str]
    """Plain form of all that stands in the context; shared by its classes."""
    anomalous: list[str] = field(default_factory=list)
    normal: list[tuple[str, int]] = field(default_factory=list)
    """Look-alikes that are far enough from the anomaly, with the round they were taken in."""
    waiting: list[str] = field(default_factory=list)
    """Look-alikes that are not judged yet, or too near."""
    counts: dict[str, int] = field(default_factory=dict)

    def missing(self, wanted: int) -> int:
        """Pairs that still have to be asked for."""
        return wanted - min(len(self.anomalous), len(self.normal) + len(self.waiting))

    def take_pairs(self, pairs: list[tuple[str, str]], wanted: int) -> None:
        """Take the pairs that the catalog's rules allow, up to so many on each side."""
        for anomalous, normal in pairs:
            if len(self.anomalous) < wanted:
                self.anomalous += self._taken(anomalous)
            if len(self.normal) + len(self.waiting) < wanted:
                self.waiting += self._taken(normal)

    def take_rewritten(self, sentences: list[str]) -> None:
        """What was rewritten takes the place of what waited; where it is less, the rest waits on."""
        sent, self.waiting = self.waiting, self.waiting[len(sentences) :]
        self.taken -= {plain(text) for text in sent[: len(sentences)]}  # unchanged, it goes back again
        for text in sentences[: len(sent)]:
            self.waiting += self._taken(text)

    def count(self, what: str, by: int = 1) -> None:
        """Count what became of some sentences."""
        self.counts[what] = self.counts.get(what, 0) + by

    def _taken(self, text: str) -> list[str]:
        text = tidy(text)
        if not may_stand(text):
            self.count("refused")
            return []
        if plain(text) in self.taken:
            self.count("repeated")
            return []
        self.taken.add(plain(text))
        return [text]
