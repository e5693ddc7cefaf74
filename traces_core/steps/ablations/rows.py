"""The rows of the ablations: the benchmark again, with one thing changed at a time.

Each variant runs the same steps with other settings, in a store that makes nothing current; what it shares
with the main run is in the store already. An ablation reports the trained fusion even where the gate would
have shipped the identity: otherwise a training that does harm would look harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from traces_core.bank.bank import Bank
from traces_core.metrics import numbers_of
from traces_core.project import Project
from traces_core.scoring.choice import ScorerChoice
from traces_core.steps.wiring import Artifacts
from traces_core.store import Artifact
from traces_core.streams.table import APPEARANCE, FUSED, LATE

SEEDS = (0, 1, 2)
"""Seeds of the fusion's training."""

Row = dict[str, Any]
_MEAN = {"training__fusion__kind": "mean"}


def streams_of(project: Project, which: str = "candidate") -> dict[str, Row]:
    """Rows of the result table by stream for these settings: the whole graph, from the store or made."""
    artifacts = Artifacts(project, options={"anomaly_scores": {"which": which}})
    return {row["stream"]: row for row in artifacts["benchmark_metrics"].read()["rows"]}


def benchmark_with(project: Project, trace_index: Artifact, adapters: Artifact) -> Artifact:
    """The benchmark of this footage with any bank and any fusion, of this store or of another."""
    given: dict[str, Artifact | list[Artifact]] = {"trace_index": trace_index, "adapters": adapters}
    metrics: Artifact = Artifacts(project, given)["benchmark_metrics"]
    return metrics


def _row(variant: str, row: Row, settings: Mapping[str, Any], **more: Any) -> Row:
    """A row of an ablation, with the settings that it changed by their dotted names."""
    kept = {**numbers_of(row), "per_class": row["per_class"]}
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    return {"variant": variant, "stream": row["stream"], **kept, "settings": changed, **more}


def fusion(project: Project) -> list[Row]:
    """No window, window mean, concatenation, cross-attention; three seeds where anything is trained."""
    mean = streams_of(project.variant(**_MEAN))
    rows = [
        _row("none (frames)", mean[APPEARANCE], _MEAN),
        _row("window mean (identity)", mean[FUSED], _MEAN),
    ]
    for kind in ("concatenation", "cross_attention"):
        for seed in SEEDS:
            changed = {"training__fusion__kind": kind, "training__fusion__seed": seed}
            rows.append(_row(kind, streams_of(project.variant(**changed))[FUSED], changed, seed=seed))
    return rows


def window(project: Project) -> list[Row]:
    """W of 8, 16 and 32 sampled frames; the time embedding is stretched to W."""
    return _over(project, "W", "timesformer__window_frames", (8, 16, 32), (FUSED, LATE))


def neighbours(project: Project) -> list[Row]:
    """k of 1, 5, 10 and 20 nearest traces a side."""
    return _over(project, "k", "scoring__k", (1, 5, 10, 20), (APPEARANCE, FUSED, LATE))


def scorers(project: Project) -> list[Row]:
    """Each formula that makes scores of similarities, with its parameters as set."""
    return _over(project, "scorer", "scoring__scorer", ScorerChoice.names(), (APPEARANCE, FUSED))


def scene(project: Project) -> list[Row]:
    """The scene sentence on the normal side: none, a generic one, the context's own, another context's."""
    kinds = ("none", "generic", "matched", "mismatched")
    return _over(project, "scene", "corpus__scene", kinds, (APPEARANCE, FUSED))


def bank_size(project: Project) -> list[Row]:
    """At most 5, 20, 50 and 200 traces a side and context."""
    return _over(
        project, "traces a side", "corpus__traces_per_side", (5, 20, 50, 200), (APPEARANCE, FUSED, LATE)
    )


def training_corpus(project: Project) -> list[Row]:
    """Trained on clips of every kind, on normal clips only, not at all."""
    rows = [_row("nothing (identity)", streams_of(project.variant(**_MEAN))[FUSED], _MEAN)]
    for corpus in ("normal", "all"):
        for seed in SEEDS:
            changed = {"training__footage": corpus, "training__fusion__seed": seed}
            fused = streams_of(project.variant(**changed))[FUSED]
            rows.append(_row(f"{corpus} clips", fused, changed, seed=seed))
    return rows


def left_out_class(project: Project) -> list[Row]:
    """Each class of the bank left out in turn: is it still found? AUC of its frames against normal ones."""
    bank = Bank.load(Artifacts(project)["trace_index"].path)
    with_all = streams_of(project)
    rows = []
    for name in bank.classes:
        without = streams_of(project.variant(corpus__left_out_class=name))
        for stream in (APPEARANCE, FUSED, LATE):
            if name in without[stream]["per_class"]:
                rows.append(
                    {
                        "variant": f"without {name}",
                        "stream": stream,
                        "auc": without[stream]["per_class"][name]["auc"],
                        "auc_with": with_all[stream]["per_class"][name]["auc"],
                        "settings": {"corpus.left_out_class": name},
                    }
                )
    return rows


def encoder_seeds(project: Project) -> list[Row]:
    """Every stream, once for each pre-training seed of the encoders: how much of a number is luck."""
    rows = []
    for number, model in enumerate(project.settings.benchmark.pretraining_seeds):
        changed = {"clip__model": model, "timesformer__model": model}
        for stream, row in sorted(streams_of(project.variant(**changed)).items()):
            rows.append(_row(stream, row, changed, seed=number))
    return rows


def _over(
    project: Project, name: str, setting: str, values: Iterable[int | str], streams: Iterable[str]
) -> list[Row]:
    rows = []
    for value in values:
        by_stream = streams_of(project.variant(**{setting: value}))
        rows += [_row(f"{name} = {value}", by_stream[stream], {setting: value}) for stream in streams]
    return rows
