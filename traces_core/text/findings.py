"""What a check of the corpus reports, and the limits within which a corpus passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

QUOTED = 3
"""How many offenders a finding quotes."""
FEWEST = 20
"""Sentences of a side below which a share or a mean of them says nothing, and is not judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    """Which check."""
    passed: bool
    """Whether the corpus is as it should be."""
    severity: Literal["error", "warning"]
    """What a failure means: an error must stop whatever follows, a warning must be read."""
    numbers: Mapping[str, float]
    """What was counted or measured."""
    text: str
    """What was found, with examples, and what to do."""


@dataclass(frozen=True, slots=True)
class CorpusLimits:
    """Limits within which a corpus passes, and what they rest on.

    In brackets what the shipped catalog has: the lowest and highest of its contexts, for the six practice
    contexts with the pocket encoder (`pocket-0`) and for all contexts with all-MiniLM-L6-v2, a sentence
    encoder that reads any English.
    """

    max_words: int = 25
    """Words in a sentence: PE-Core reads 32 tokens, and a sentence cut short says something else [22]."""
    duplicate_share: float = 0.10
    """Share of sentences with the same words as another, from which on a writer repeats itself [0]. They
    are left out of the bank in any case."""
    near_duplicate: float = 0.995
    """Cosine within a class, or the normal side, of one context at which the later sentence is left out of
    the bank. The pocket encoder puts a changed article at 0.9995 (median), two wordings of one fire at up to
    0.9949. It depends on the space: MiniLM puts a changed article at 0.99 and no two shipped sentences above
    0.87, so 0.97 does better there. Set it as `corpus.near_duplicate_cosine`."""
    near_duplicate_share: float = 0.10
    """Share of near duplicates from which on the corpus pretends to be larger than it is [0; 0]. A warning:
    they are left out, and a space may be coarse."""
    leakage_to_class: float = 0.60
    """Normal sentences that are rather in a class than on their side, per sentence of the class, from which
    on the class is on both sides [0.07 to 0.21; 0 to 0.53]. Sides drawn by lot have 1.25 and 0.64 or more
    (practice, pocket; all, MiniLM), half of all anomalous sentences on the normal side 0.71 and 0.86."""
    leakage_share: float = 0.10
    """Share of the normal side that must leak besides, so that a few look-alikes of a small class on a
    large side are no error [0.01 to 0.04; 0 to 0.21]. Sides drawn by lot have 0.42 or more."""
    english_share: float = 0.80
    """Share of sentences that hold one of the commonest English words [0.99]."""
    distinct_1: float = 0.20
    """Share of words that are no repetition, of 60 sentences of one side of one context [0.28 to 0.46].
    Sixty sentences from one template with one slot have 0.13."""
    distinct_2: float = 0.50
    """The same of pairs of neighbouring words [0.68 to 0.87]; the template has 0.26."""
    self_similarity: float = 0.85
    """Mean cosine of two sentences of one side of one context, from which on they are one sentence to the
    encoder [0.41 to 0.67; 0.16 to 0.34]. A warning: spaces differ in how wide they are."""


def finding(
    name: str,
    offenders: Sequence[str],
    numbers: Mapping[str, float],
    advice: str,
    severity: Literal["error", "warning"] = "error",
    *,
    noted: Sequence[str] = (),
) -> Finding:
    """A finding with its text: the numbers, the first offenders, and what to do where there are any.

    Parameters
    ----------
    offenders
        What makes the check fail; none lets it pass.
    noted
        Quoted where nothing fails: what was seen, but too rarely to fail.
    """
    examples = offenders or noted
    quoted = "; ".join(examples[:QUOTED])
    if len(examples) > QUOTED:
        quoted += f"; and {len(examples) - QUOTED} more"
    counted = ", ".join(f"{key} {round(value, 3):g}" for key, value in numbers.items())
    parts = [counted or "too few to judge", quoted, advice.rstrip(".") if offenders else ""]
    text = ". ".join(part for part in parts if part) + "."
    return Finding(name, not offenders, severity, dict(numbers), text)
