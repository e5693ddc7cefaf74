"""The gates between the chapters: what must hold before the next chapter is read. They block.

What a person should know, but nothing rests on, warns: `_warning`. Each says what it found, not only that
something differed.
"""

import json

import dagster as dg
import numpy as np
import polars as pl

from assets.adapters import adapters
from assets.bank import trace_embeddings, trace_index
from assets.calibration import thresholds
from assets.captions import caption_embeddings, caption_scores
from assets.corpus import trace_corpus
from assets.features import video_features
from assets.scores import anomaly_scores
from pipelines.partitions import CONTEXTS, INBOX, SHARDS
from pipelines.public import asset_check
from pipelines.reporting import sound_scores
from pipelines.resources import ProjectResource
from traces_core.bank.bank import Bank
from traces_core.bank.recall import recall_of_index
from traces_core.steps import bank as bank_step
from traces_core.steps import captions
from traces_core.steps import corpus as corpus_step
from traces_core.steps import features as features_step
from traces_core.steps.benchmark import baseline_rows
from traces_core.streams.table import LATE
from traces_core.streams.thresholds import enough_normal_footage
from traces_core.text.catalog import SIDES


@asset_check(asset=trace_corpus, blocking=True, partitions_def=CONTEXTS)
def corpus_is_sound(context: dg.AssetCheckExecutionContext, project: ProjectResource) -> dg.AssetCheckResult:
    """Both sides of every class, few duplicates, short, plain, varied sentences, words the encoder knows."""
    project = project.open()
    return _from_findings(
        bank_step.corpus_findings(project, project.store.current("trace_corpus", context.partition_key))
    )


@asset_check(asset=trace_embeddings, blocking=True, partitions_def=CONTEXTS)
def embeddings_are_sound(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Finite, of length 1, one a trace; the sides do not leak; near duplicates and sameness are reported."""
    project = project.open()
    corpus = project.store.current("trace_corpus", context.partition_key)
    vectors = project.store.current("trace_embeddings", context.partition_key)
    unit = vectors.read()["vectors"]
    norms = np.linalg.norm(unit, axis=1)
    sound = bool(
        np.isfinite(unit).all() and np.abs(norms - 1).max() < 1e-3 and len(unit) == len(corpus.read())
    )
    result = _from_findings(bank_step.corpus_findings(project, corpus, vectors) if sound else [])
    lengths = f"{len(unit)} vectors of length {norms.min():.4f} to {norms.max():.4f}"
    severity = result.severity if sound else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        passed=sound and result.passed,
        severity=severity,
        description=f"{lengths}\n\n{result.description}",
        metadata=result.metadata,
    )


@asset_check(asset=trace_index, blocking=True)
def index_finds_what_is_there(project: ProjectResource) -> dg.AssetCheckResult:
    """Recall against exact search, on traces slightly moved so that none asks for itself."""
    project = project.open()
    settings = project.settings.bank
    bank = Bank.load(project.store.current("trace_index").path)
    recalls = {side: recall_of_index(bank, side, settings.recall_at_k) for side in SIDES}
    recall_by_side = ", ".join(f"{side} {recall:.3f}" for side, recall in recalls.items())
    kinds = ", ".join(f"{side} {'index' if side in bank.indexes else 'exact'}" for side in SIDES)
    return dg.AssetCheckResult(
        passed=min(recalls.values()) >= settings.minimum_recall,
        metadata={f"recall_{side}": recall for side, recall in recalls.items()},
        description=(
            f"recall@{settings.recall_at_k} {recall_by_side}, asked for {settings.minimum_recall}; {kinds}. "
            "Where it is too low, raise bank.candidates or lower bank.coordinates."
        ),
    )


@asset_check(asset="videos")
def videos_can_be_read(project: ProjectResource) -> dg.AssetCheckResult:
    """No video is left out: each that cannot be read is named, with the reason."""
    broken = project.open().store.current("videos").read().filter(pl.col("reason").is_not_null())
    faults = [f"{row['set']}/{row['video']}: {row['reason']}" for row in broken.iter_rows(named=True)]
    return _warning(faults, "every video can be read")


@asset_check(asset=video_features, blocking=True, partitions_def=SHARDS)
def features_cover_the_videos(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Times rise strictly, values are finite, and the track reaches the end that the container states.

    A broken video does not block the others; it is named.
    """
    project = project.open()
    videos = project.store.current("videos").read().unique("video_id", keep="first", maintain_order=True)
    rows = project.store.current("video_features", context.partition_key).read().join(videos, on="video_id")
    wrong, named = [], []
    for row in rows.iter_rows(named=True):
        if row["reason"] is not None:
            named.append(f"{row['video']}: {row['reason']}")
            continue
        if row["fingerprint"] is None:
            continue
        wrong += features_step.feature_faults(project, row)
    faults = [*wrong, *(f"left out: {one}" for one in named)]
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={"videos": len(rows), "faults": len(wrong), "left_out": len(named)},
        description="\n".join(faults) or f"{len(rows)} videos, times rise, every track reaches its end",
    )


@asset_check(asset=adapters, blocking=True)
def fusion_is_no_worse_than_the_identity(project: ProjectResource) -> dg.AssetCheckResult:
    """What ships is the identity, or was no worse on the validation clips."""
    shipped = project.open().store.current("adapters")
    training = json.loads((shipped.path / "training.json").read_text())
    numbers = {name: training[name]["info_nce"] for name in ("validation", "identity") if name in training}
    return dg.AssetCheckResult(
        passed=not training["shipped"] or numbers["validation"] <= numbers["identity"],
        metadata={"shipped": training["shipped"], **{f"info_nce_{name}": x for name, x in numbers.items()}},
        description=training["reason"],
    )


@asset_check(asset=anomaly_scores, blocking=True, partitions_def=SHARDS)
def scores_are_sound(context: dg.AssetCheckExecutionContext, project: ProjectResource) -> dg.AssetCheckResult:
    """Finite, and no stream gives mostly one value: masses of ties flatter a ranking."""
    return sound_scores(project.open().store.current("anomaly_scores", context.partition_key).read())


@asset_check(asset=thresholds, blocking=True)
def normal_footage_is_enough(project: ProjectResource) -> dg.AssetCheckResult:
    """The normal footage supports the rate of false alarms that the settings ask for."""
    project = project.open()
    settings = project.settings.calibration
    normal = (
        project.store.current("videos")
        .read()
        .filter((pl.col("set") == "calibration") & pl.col("reason").is_null())
    )
    check = enough_normal_footage(
        dict(normal.select("video_id", "duration_s").rows()),
        false_alarms_per_hour=settings.false_alarms_per_hour,
        block_s=settings.block_s,
    )
    return dg.AssetCheckResult(
        passed=check.is_enough,
        metadata={"blocks": check.blocks, "blocks_needed": check.blocks_needed, "hours": check.hours},
        description=(
            f"{check.hours:.2f} h in {check.blocks} blocks; {settings.false_alarms_per_hour:g} false alarms "
            f"an hour take {check.hours_needed:.2f} h; the finest rate supported is "
            f"{check.finest_false_alarms_per_hour:.2f} an hour"
        ),
    )


@asset_check(asset="benchmark_metrics")
def scores_beat_what_costs_nothing(project: ProjectResource) -> dg.AssetCheckResult:
    """The interval of `late` lies above every baseline that looks at no picture and knows no label."""
    rows = project.open().store.current("benchmark_metrics").read()["rows"]
    lowest = next(row["auc_low"] for row in rows if row["stream"] == LATE)
    free = {one["baseline"]: one["auc"] for one in baseline_rows(rows) if "oracle" not in one["baseline"]}
    beaten_by = [f"{name} {auc:.3f}" for name, auc in free.items() if auc is not None and auc >= lowest]
    return _warning(
        [f"from {lowest:.3f} on, late is no better than {one}" for one in beaten_by],
        f"late, from {lowest:.3f} on, is above {', '.join(free)}",
    )


@asset_check(asset="benchmark_metrics")
def every_event_has_traces(project: ProjectResource) -> dg.AssetCheckResult:
    """The bank has sentences for each class of event that the ground truth names."""
    project = project.open()
    corpora = [
        project.store.current("trace_corpus", one).read() for one in corpus_step.contexts_in_use(project)
    ]
    known = set(pl.concat(corpora)["class"])
    events = set(project.store.current("annotations").read()["label"])
    return _warning(
        [f"no sentence of the catalog is about {one}" for one in sorted(events - known)],
        f"there are sentences about {', '.join(sorted(events)) or 'all of no events'}",
    )


@asset_check(asset="inbox_scores", partitions_def=INBOX)
def dropped_video_is_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The video was read to its end; else it was scored up to there, and set aside."""
    made = project.open().store.current("inbox_scores", context.partition_key)
    return _warning(list(filter(None, [made.facts["broken"]])), f"read to {made.facts['length_s']:.2f} s")


@asset_check(asset=caption_embeddings, blocking=True)
def caption_traces_are_sound(project: ProjectResource) -> dg.AssetCheckResult:
    """The traces that captions are compared with pass the gates of the corpus, in the space of captions."""
    return _from_findings(captions.corpus_findings(project.open()))


@asset_check(asset=caption_scores, blocking=True)
def caption_scores_are_sound(project: ProjectResource) -> dg.AssetCheckResult:
    """Finite, and not mostly one value."""
    scores = project.open().store.current("caption_scores").read()["score"]
    tied = 1 - scores.n_unique() / len(scores) if len(scores) > 1 else 0.0
    is_finite = bool(scores.is_finite().all())
    return dg.AssetCheckResult(
        passed=is_finite and tied < 0.5,
        metadata={"ties": tied},
        description=f"{len(scores)} scores, {tied:.1%} tied, {'' if is_finite else 'not '}all finite",
    )


def _warning(faults: list[str], otherwise: str) -> dg.AssetCheckResult:
    """Passed where there is no fault; else a warning that says which."""
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"found": len(faults)},
        description="\n".join(faults) or otherwise,
    )


def _from_findings(findings: list) -> dg.AssetCheckResult:
    errors = [one for one in findings if not one.passed and one.severity == "error"]
    failed = [one for one in findings if not one.passed]
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
        description="\n".join(
            f"{'ok  ' if one.passed else 'FAIL'} {one.name}: {one.text}" for one in findings
        ),
        metadata={one.name: one.passed for one in findings}
        | {f"{one.name}: {key}": float(value) for one in findings for key, value in one.numbers.items()},
    )
