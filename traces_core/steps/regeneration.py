"""Steps that try another bank: what a language model writes with a new seed, judged before it is used.

Everything is made in a store that makes nothing current, so that a bank that is not taken changes nothing.
What starts it, and when, is in `pipelines`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.bank.bank import Bank
from traces_core.bank.recall import recall_of_index
from traces_core.detector.detector import Detector
from traces_core.disk import locked, write_whole
from traces_core.errors import SettingsError
from traces_core.metrics.promotion import Row, Verdict, compare
from traces_core.project import Project
from traces_core.settings import BASE_FILE, Settings
from traces_core.steps import bank as bank_step
from traces_core.steps.ablations import streams_of
from traces_core.steps.live import replayed
from traces_core.steps.wiring import Artifacts
from traces_core.streams.table import LATE
from traces_core.text.catalog import SIDES


def judged(project: Project, seed: int, baseline: Row, name: str) -> Verdict:
    """Write a bank with another seed, put it through the gates and the benchmark, and compare.

    Parameters
    ----------
    project
        Its settings are those of the present bank; only `writing.seed` differs in the new one.
    seed
        What the language model draws with.
    baseline
        The row that the new bank must not fall behind, on this footage.
    name
        How the words call what that row is of.

    Raises
    ------
    WriterUnavailableError, BudgetSpentError
        If the language model cannot be asked; the replies that it gave are kept.
    """
    other = project.variant(writing__seed=seed)
    faults = _faults(other)
    if faults:
        return Verdict(False, f"it does not pass the gates: {'; '.join(faults)}", {}, {})
    return compare(present_row(other), baseline, name, must_rise=True)


@dataclass(frozen=True)
class BankChange:
    """What a bank of another seed changes."""

    added: list[dict[str, Any]]
    """Its sentences that the present bank lacks: `context`, `side`, `class`, `text`."""
    dropped: list[dict[str, Any]]
    """Sentences of the present bank that it lacks."""
    classes: list[dict[str, Any]]
    """One row a class: `class`, `events`, and `found` (at the stated recall), `auc` and the same of the
    present bank, `..._before`. Empty where it was not measured."""
    cameras: list[dict[str, Any]] = field(default_factory=list)
    """What it would have raised of what the live cameras saw lately; see `steps.live.replayed`."""


def change_of(project: Project, seed: int, *, is_measured: bool) -> BankChange:
    """What a bank of another seed, which `judged` has made, changes against the present one.

    Parameters
    ----------
    project
        Its settings are those of the present bank.
    seed
        That of the other one.
    is_measured
        Whether the other one came as far as the benchmark.
    """
    other = project.variant(writing__seed=seed)
    before, after = _sentences(project.variant()), _sentences(other)
    classes, cameras = [], []
    if is_measured:
        made = Artifacts(other)
        parts = (made["trace_index"], made["adapters"], made["thresholds"])
        cameras = replayed(Detector.of(other, *parts), project.machine, time.time())
        was, now = present_row(project)["per_class"], present_row(other)["per_class"]
        classes = [
            {
                "class": name,
                "events": row["events"],
                "found": row["found_at_80_recall"],
                "found_before": was[name]["found_at_80_recall"],
                "auc": row["auc"],
                "auc_before": was[name]["auc"],
            }
            for name, row in sorted(now.items())
        ]
    return BankChange(_without(after, before), _without(before, after), classes, cameras)


def _sentences(project: Project) -> pl.DataFrame:
    corpora: pl.DataFrame = pl.concat(corpus.read() for corpus in Artifacts(project)["trace_corpus"])
    return corpora.select("context", "side", "class", "text")


def _without(some: pl.DataFrame, others: pl.DataFrame) -> list[dict[str, Any]]:
    every = some.columns
    return some.join(others, on=every, how="anti", nulls_equal=True).unique().sort(every).to_dicts()


def present_row(project: Project) -> Row:
    """The row of the detector that these settings make on this footage, from the store or made."""
    return streams_of(project.variant(), which="fusion")[LATE]


def _faults(project: Project) -> list[str]:
    """What the gates say against the bank of these settings, in words; empty where nothing stops it."""
    made = Artifacts(project)
    corpora, vectors = made["trace_corpus"], made["trace_embeddings"]
    faults = [
        f"{corpus.key}: {one.name}: {one.text}"
        for corpus, unit in zip(corpora, vectors, strict=True)
        for one in bank_step.corpus_findings(project, corpus, unit)
        if not one.passed and one.severity == "error"
    ]
    if faults:
        return faults
    bank, wanted = Bank.load(made["trace_index"].path), project.settings.bank
    recalls = {side: recall_of_index(bank, side, wanted.recall_at_k) for side in SIDES}
    return [
        f"recall on the {side} side is {recall:.3f}, asked for {wanted.minimum_recall}"
        for side, recall in recalls.items()
        if recall < wanted.minimum_recall
    ]


def write_seed(folder: Path, seed: int) -> int:
    """Set `writing.seed` in params.yaml and leave every other byte as it is; returns the seed that was there.

    Raises
    ------
    SettingsError
        If the file has no such line, or another file sets the seed, too; the file is unchanged then.
    """
    file = folder / BASE_FILE
    with locked(folder):
        before = file.read_bytes().decode("utf-8")  # as bytes: the ends of its lines stay what they are
        section = re.search(r"^writing:.*\n(?:[ \t]+.*\n|\s*\n|#.*\n)*", before + "\n", re.MULTILINE)
        line = section and re.search(r"^([ \t]+seed:[ \t]*)(\d+)", section.group(), re.MULTILINE)
        if not section or not line:
            raise SettingsError(
                file, f"no line `seed:` under `writing:` to write the seed {seed} to; add one"
            )
        start, end = section.start() + line.end(1), section.start() + line.end()
        write_whole(file, f"{before[:start]}{seed}{before[end:]}")
        if Settings.load(folder).writing.seed != seed:
            write_whole(file, before)
            raise SettingsError(file, f"another file sets writing.seed, too; write {seed} there by hand")
    return int(line[2])
