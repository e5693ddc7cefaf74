"""What damage cost one file, and what was forgiven: words and counts, filled while it is decoded.

Damage is what costs pictures. What the decoder passes over without losing one is forgiven: said, not refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_KINDS = 100
"""Kinds of damage, and patched pictures, that are remembered of a source that does not end."""


@dataclass
class Damage:
    """What went wrong while one file was decoded."""

    missing: int = 0
    """Pictures that were recorded and cannot be shown, as far as they can be counted."""
    patched: int = 0
    """Pictures that are shown, though the decoder had to make up parts of them."""
    problems: Counter[str] = field(default_factory=Counter)
    """Why pictures are missing or patched, with how many; in the order of time."""
    forgiven: Counter[str] = field(default_factory=Counter)
    """What is odd and costs nothing, with how often."""
    label: int | None = None
    """Time stamp of the first loss, in units of the stream's time base; None where it has none."""
    now: int = 0
    """Time of the newest picture shown, set by the reader."""
    seen_at: int = 0
    """`now` at the first loss."""
    _patched_at: set[int] = field(default_factory=set)

    def forget(self) -> None:
        """Let go of what was counted once there is much of it: a camera does not end."""
        if max(len(self._patched_at), len(self.problems), len(self.forgiven)) > MOST_KINDS:
            self.problems.clear()
            self.forgiven.clear()
            self._patched_at.clear()

    @property
    def lost(self) -> int:
        """Pictures that are not as they were recorded: missing or patched."""
        return self.missing + self.patched

    def lose(self, why: str, label: int | None = None, *, missing: int = 0) -> None:
        """Count pictures that something cost."""
        if not self.problems:
            self.label, self.seen_at = label, self.now
        self.missing += missing
        self.problems[why] += missing

    def patch(self, why: str, label: int | None) -> None:
        """Count a picture that is shown with parts made up; once, however many signs there are."""
        if label not in self._patched_at:
            self.lose(why, label)
            self.patched += 1
            self.problems[why] += 1
        if label is not None:
            self._patched_at.add(label)

    def forgive(self, what: str, times: int = 1) -> None:
        """Count something odd that costs no picture."""
        self.forgiven[what] += times

    @property
    def notes(self) -> list[str]:
        """What was forgiven, a phrase each."""
        return [what if times == 1 else f"{what} ({times} times)" for what, times in self.forgiven.items()]

    def __str__(self) -> str:
        """How many pictures, and the reasons."""
        if not self.problems:
            return "whole"
        counts = [(self.missing, "lost"), (self.patched, "shown with parts made up by the decoder")]
        costs = " and ".join(f"{plural(count, 'picture')} {what}" for count, what in counts if count)
        return f"{costs or 'no picture lost'}: {'; '.join(self.problems)}"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    Examples
    --------
    >>> plural(1, "picture"), plural(2, "picture")
    ('1 picture', '2 pictures')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
