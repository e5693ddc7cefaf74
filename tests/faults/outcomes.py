"""What became of a fault: one word for each, and a table of them."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

RIGHT, CLEAR_ERROR = "right", "clear error"
BAD = ("wrong", "refused", "traceback", "crash", "hang")
"""What must not happen: another result in silence, a good file refused, an error that names nothing, an end
of the process, no end at all."""
KINDS = (RIGHT, CLEAR_ERROR, *BAD)


@dataclass
class Tally:
    """One kind of fault, tried many times."""

    what: str
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    """The first of what must not happen, with what was seen."""

    def note(self, outcome: str, example: str = "") -> None:
        self.counts[outcome] += 1
        if outcome in BAD and len(self.examples) < 5:
            self.examples.append(f"{outcome}: {example}")

    def attempt(self, name: str, what_became: Callable[[], str]) -> None:
        """Note an outcome; what is raised is a traceback."""
        try:
            outcome, _, seen = what_became().partition(": ")
        except Exception:
            outcome, seen = "traceback", traceback.format_exc(limit=-3)
        self.note(outcome, f"{name}: {seen}")

    @property
    def bad(self) -> int:
        return sum(self.counts[kind] for kind in BAD)


def table(tallies: list[Tally]) -> str:
    """A row a kind of fault, and below it the first examples of what must not happen."""
    heads = ("tried", *KINDS)
    width = max(len(one.what) for one in tallies)
    rows = [f"{'':{width}}  " + "  ".join(heads)]
    for one in tallies:
        numbers = (one.counts.total(), *(one.counts[kind] for kind in KINDS))
        cells = (f"{number:{len(head)}}" for number, head in zip(numbers, heads, strict=True))
        rows.append(f"{one.what:{width}}  " + "  ".join(cells))
    rows += [f"\n{one.what}\n  {example}" for one in tallies for example in one.examples]
    return "\n".join(rows)
