"""The gate that every promotion passes: a detector, or a bank, replaces another only if no number falls.

What a person edited is taken when it is no worse, what was regenerated only when it is better.

Both sides are rows of the benchmark of the same footage and ground truth, measured by the same code. They are
made in `traces_core.steps.regeneration` for a bank, in `pipelines.champion` for a detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

MEASURES = ("auc", "average_precision")
"""What must not fall, for the stream that alarms are taken from first."""
TOLERANCE = 1e-4
"""How much lower counts as equal: one pair of frames in ten thousand. Scores are float32, and another order
of sums moves an AUC by millionths; an interval is a hundred times as wide. The baseline stays where it is
while what passes is lower (`Verdict.is_new_baseline`), so a hundred promotions lose no more than one."""


@dataclass(frozen=True)
class Verdict:
    """What the gate decided."""

    is_passed: bool
    """Whether the new one may replace the baseline."""
    reason: str
    """Why, as a sentence with every digit that decided."""
    new: Mapping[str, float | None]
    """What the new one reaches, by measure; empty where it was not measured."""
    baseline: Mapping[str, float | None]
    """What the baseline reaches."""

    @property
    def is_new_baseline(self) -> bool:
        """Whether what comes later is compared with the new one: it passed, and no number is lower at all."""
        numbers = [(self.new.get(one), self.baseline.get(one)) for one in MEASURES]
        return self.is_passed and all(old is None or (now is not None and now >= old) for now, old in numbers)


def compare(new: Row, baseline: Row, name: str, *, must_rise: bool = False) -> Verdict:
    """Whether one is no worse than another: none of `MEASURES` falls by more than `TOLERANCE`.

    Parameters
    ----------
    new, baseline
        Rows of `benchmark_metrics`, of one stream and one ground truth.
    name
        How the words call the baseline.
    must_rise
        Whether one of them must also rise by more than that: for what nobody asked for, such as a bank from a
        new seed.

    Examples
    --------
    >>> row = {"auc": 0.9, "average_precision": 0.5, "ground_truth": {"fingerprint": "f"}}
    >>> compare({**row, "auc": 0.8991}, row, "the champion").reason
    'auc 0.8991 against 0.9 of the champion, average_precision 0.5 against 0.5'
    """
    numbers = [{measure: row[measure] for measure in MEASURES} for row in (new, baseline)]
    truths = [row["ground_truth"]["fingerprint"] for row in (new, baseline)]
    if truths[0] != truths[1]:
        reason = f"ground truth {truths[0]} cannot be compared with {truths[1]} of {name}"
        return Verdict(False, reason, *numbers)
    undefined = [measure for measure in MEASURES if None in (new[measure], baseline[measure])]
    if undefined:
        reason = f"{', '.join(undefined)} undefined: the benchmark holds no anomaly to find"
        return Verdict(False, reason, *numbers)
    (first, *more) = (f"{measure} {new[measure]!r} against {baseline[measure]!r}" for measure in MEASURES)
    # Negated, so that a number that is NaN does not pass.
    fallen = [measure for measure in MEASURES if not new[measure] >= baseline[measure] - TOLERANCE]
    reason = ", ".join([f"{first} of {name}", *more])
    if not fallen and must_rise and not any(new[one] > baseline[one] + TOLERANCE for one in MEASURES):
        return Verdict(False, f"{reason}: no better by more than {TOLERANCE:g}", *numbers)
    return Verdict(not fallen, reason, *numbers)
