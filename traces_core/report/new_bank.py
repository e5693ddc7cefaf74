"""The page of a regenerated bank: what it changes, sentence by sentence and class by class, taken or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from traces_core.report.formatting import plural
from traces_core.report.model import Row, refuse_nan
from traces_core.report.page import write_page


@dataclass(frozen=True)
class NewBankReport:
    """What the page shows."""

    title: str
    """Heading of the page: which bank, and whether it was taken."""
    reason: str
    """Why, with every digit that decided."""
    added: Sequence[Row] = ()
    """Sentences that only the new bank holds: `context`, `side`, `class`, `text`."""
    dropped: Sequence[Row] = ()
    """Sentences that only the present bank holds."""
    classes: Sequence[Row] = ()
    """One row a class of the benchmark: `class`, `events`, `found` and `found_before` at the stated recall,
    `auc` and `auc_before`; empty where the new bank was not measured."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Name and value of where the numbers come from."""
    notices: Sequence[str] = ()
    """Sentences the reader must see first."""

    def __post_init__(self) -> None:
        """Refuse NaN: what is undefined is None."""
        for row in self.classes:
            refuse_nan(row)

    @property
    def summary(self) -> str:
        """What changes, in one sentence.

        Examples
        --------
        >>> row = {"class": "fight", "found": 3, "found_before": 2}
        >>> NewBankReport("a bank", "no worse", classes=[row]).summary
        'No sentences added, no sentences dropped; won: fight; lost: no class.'
        """
        sentences = f"{plural(len(self.added), 'sentence')} added"
        sentences = sentences[0].upper() + sentences[1:]
        won, lost = (
            ", ".join(str(row["class"]) for row in self.classes if change(row) == which) or "no class"
            for which in ("won", "lost")
        )
        moved = f"; won: {won}; lost: {lost}." if self.classes else "; not measured."
        return f"{sentences}, {plural(len(self.dropped), 'sentence')} dropped{moved}"


def change(row: Row) -> str:
    """Whether a class is `won` or `lost`: more or fewer of its events are found; else `same`."""
    now, before = row["found"], row["found_before"]
    return "same" if now == before else "won" if (now or 0) > (before or 0) else "lost"


def write_new_bank_report(path: Path | str, report: NewBankReport) -> Path:
    """Write the page: one file, no script, nothing fetched.

    Parameters
    ----------
    path : Path
        The file to write.
    report : NewBankReport
        What it shows.
    """
    values = {
        "report": report,
        "classes": [(row, change(row)) for row in report.classes],
        "sentences": [("Added", _by_context(report.added)), ("Dropped", _by_context(report.dropped))],
    }
    return write_page(path, "new_bank.html", values)


def _by_context(rows: Sequence[Row]) -> dict[str, list[Row]]:
    contexts: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["context"], row["side"], row["class"] or "", row["text"])):
        contexts.setdefault(row["context"], []).append(row)
    return contexts
