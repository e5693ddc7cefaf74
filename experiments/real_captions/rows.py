"""The rows that are measured on real captions: which way of judging a table is compared with which.

One function an experiment, each from a `Bench` to rows. Nothing is searched for: what varies is named here
beforehand, and the defaults come from the settings. Reading and remembering is in `bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import polars as pl
import torch

from experiments.real_captions.bench import Bench
from experiments.real_captions.settings import RealCaptionsSettings
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.stream import STREAM
from traces_core.captions.trailing import trailing_means
from traces_core.datasets import GroundTruth
from traces_core.encoders.sentence import WEIGHTS_FILE, chosen_model, find_sentence_encoder
from traces_core.metrics import FrameScores, LevelCounts, auc_anomalous, evaluate, scores_at
from traces_core.scoring.choice import ScorerChoice
from traces_core.streams import offline
from traces_core.text.corpus import limit_traces, without_class
from traces_core.text.scenes import SceneChoice
from traces_core.types import ScoreTrack

_SPELLED_ALIKE = (
    *("abuse", "arrest", "arson", "assault", "burglary", "explosion"),
    *("fighting", "robbery", "shooting", "shoplifting", "stealing", "vandalism"),
)
UCF_CLASSES = {name: name.capitalize() for name in _SPELLED_ALIKE} | {"road_accident": "RoadAccidents"}
"""What the catalog calls each class of UCF-Crime, and what its annotation does."""
SETTINGS = RealCaptionsSettings.load()

Row = dict[str, Any]
Tracks = Mapping[str, ScoreTrack]


def _named_classes(bench: Bench) -> CaptionSettings:
    """All contexts, the classes of UCF-Crime: what every row has that does not say otherwise."""
    return bench.settings(classes=tuple(sorted(UCF_CLASSES)))


def headline(bench: Bench) -> list[Row]:
    """The default settings, all contexts: with the classes of UCF-Crime, and with all of the catalog."""
    few = _named_classes(bench)
    tracks = bench.tracks(bench.corpus(few), few)
    official, vera = bench.material.official, bench.material.vera
    name = f"the {len(UCF_CLASSES)} classes of UCF-Crime"
    every = bench.settings()
    corpus = bench.corpus(every)
    classes = corpus.filter(pl.col("side") == "anomalous")["class"].n_unique()
    return [
        _in_full(name, tracks, official),
        _in_full(f"{name}, from the end of each stretch on", from_the_end(bench, tracks), official),
        _in_full(f"{name}, judged by VERA's marks", tracks, vera),
        _in_full(f"all {classes} classes", bench.tracks(corpus, every), official),
    ]


def from_the_end(bench: Bench, tracks: Tracks) -> dict[str, ScoreTrack]:
    """Scores that hold once their stretch is over, as a live camera has them; the lowest of all before."""
    lowest = min(float(track.values.min()) for track in tracks.values())
    ends_s = bench.renamed({part["video"][0]: part["end_s"].to_numpy() for part in bench.videos()})
    return {
        video: replace(
            track,
            times_s=np.concatenate([track.times_s[:1], ends_s[video]]),
            values=np.concatenate([np.array([lowest], track.values.dtype), track.values]),
        )
        for video, track in tracks.items()
    }


def judges(bench: Bench) -> list[Row]:
    """The judges' own scores of the same captions: a language model's, or the VLM's own verdict."""
    source = bench.material.folder / f"{bench.name}.parquet"
    recorded = (1 / (1 + (-pl.col("judged")).exp())).round(4)  # as VADTree's code did before it measured
    known = {
        "llm_score": ("DeepSeek-R1-Distill-Qwen-14B", recorded, True),
        "llm_score_refined": ("the same, refined by the whole video (offline)", recorded, False),
    }
    present = [name for name in known if name in pl.scan_parquet(source, glob=False).collect_schema()]
    rows = []
    for column in present:
        variant, score, is_causal = known[column]
        answers = pl.read_parquet(source, columns=["video", "first_frame", column], glob=False)
        answers = answers.rename({column: "judged"})
        rows += _of_a_judge(bench, variant, answers.with_columns(score=score), is_causal)
    if not present:
        begins = bench.table.rows["caption"].str.starts_with("Anomalous").cast(pl.Float64)
        answers = bench.table.rows.select("video", "first_frame").with_columns(score=begins)
        rows += _of_a_judge(bench, "the VLM's own verdict", answers, True)
    return rows


def _of_a_judge(bench: Bench, variant: str, answers: pl.DataFrame, is_causal: bool) -> list[Row]:
    """As recorded, and where it is causal with the trailing means of the settings, too."""
    rows = bench.table.rows.join(answers, on=["video", "first_frame"], maintain_order="left")
    windows = {"": (), ", trailing means": bench.settings().trailing_s} if is_causal else {"": ()}
    judged = []
    for suffix, windows_s in windows.items():
        tracks = {}
        for part in rows.partition_by("video", maintain_order=True):
            start_s, end_s = part["start_s"].to_numpy(), part["end_s"].to_numpy()
            values = trailing_means(part["score"].to_numpy(), start_s, end_s, windows_s)
            stream = "judge" if is_causal else "judge_offline"
            tracks[part["video"][0]] = ScoreTrack(start_s, values, stream=stream, causal=is_causal)
        judged.append(_brief(f"{variant}{suffix}", bench.renamed(tracks), bench.material.official))
    return judged


def scorers(bench: Bench) -> list[Row]:
    """Each formula that makes scores of similarities, with its parameters as set."""
    settings = _named_classes(bench)
    corpus = bench.corpus(settings)
    rows = []
    for name in ScorerChoice.names():
        scoring = settings.scoring.model_copy(update={"scorer": name})
        tracks = bench.tracks(corpus, settings.model_copy(update={"scoring": scoring}))
        rows.append(_brief(name, tracks, bench.material.official))
    return rows


def left_out_class(bench: Bench) -> list[Row]:
    """Each class left out of the bank in turn: AUC of its videos and the normal ones, without and with it."""
    settings = _named_classes(bench)
    corpus, truth = bench.corpus(settings), bench.material.official
    behind, full = bench.background(settings), bench.tracks(corpus, settings)
    rows = []
    for name, marked in UCF_CLASSES.items():
        if marked not in truth.classes:
            continue
        part = _with_class(truth, marked)
        without = bench.tracks(without_class(corpus, name), settings, behind.filter(pl.col("class") != name))
        row = _brief(name, {video: without[video] for video in part.videos}, part)
        with_all = _brief(name, {video: full[video] for video in part.videos}, part)
        more = {f"{measure}_with": with_all[measure] for measure in ("auc", "average_precision")}
        rows.append({**row, **more})
    return rows


def bank_size(bench: Bench) -> list[Row]:
    """So many sentences a side, drawn anyhow or class by class in turn; three seeds.

    Alone out of the whole bank; and out of every second context, alone and with the others behind them.
    """
    settings = _named_classes(bench)
    alone = settings.model_copy(update={"background": 0.0})
    corpus = bench.corpus(settings)
    half = corpus.filter(pl.col("context").is_in(sorted(set(corpus["context"]))[::2]))
    others = corpus.filter(~pl.col("context").is_in(half["context"].unique().to_list()))
    others = others.filter(~pl.col("text").is_in(half["text"].to_list()))
    behind = pl.concat([others, bench.background(settings)])
    ways = {
        "anyhow": (corpus, alone),
        "classes in turn": (corpus, alone),
        "classes in turn, half of the contexts": (half, alone),
        "classes in turn, half of the contexts, the others behind them": (half, settings),
    }
    rows = []
    for draw, (drawn_from, chosen) in ways.items():
        for size in SETTINGS.sizes:
            for seed in SETTINGS.seeds:
                small = drawn(drawn_from, size, seed, is_stratified=draw != "anyhow")
                tracks = bench.tracks(small, chosen, behind)
                row = _brief(f"{size} a side, {draw}", tracks, bench.material.official)
                rows.append({**row, "seed": seed, "traces": len(small)})
    return rows


def drawn(corpus: pl.DataFrame, size: int, seed: int, *, is_stratified: bool) -> pl.DataFrame:
    """At most `size` traces a side of the whole corpus, each sentence once; a smaller draw is part of it."""
    blank = [] if is_stratified else ["class"]
    once = corpus.unique("text", keep="first", maintain_order=True)
    one_place = once.with_columns(pl.lit("").alias(name) for name in ["context", *blank])
    kept = limit_traces(one_place, size, seed=seed)["trace_id"]
    return corpus.filter(pl.col("trace_id").is_in(kept.to_list()))


def scene(bench: Bench) -> list[Row]:
    """The scene sentence on the normal side: none, a generic one, the context's own, another context's."""
    settings = _named_classes(bench)
    return [
        _brief(name, bench.tracks(bench.corpus(settings, name), settings), bench.material.official)
        for name in get_args(SceneChoice)
    ]


def over_time(bench: Bench) -> list[Row]:
    """What looks back, and what looks ahead: captions alone, trailing means; a Gaussian, the video's mean."""
    settings = _named_classes(bench)
    corpus, truth = bench.corpus(settings), bench.material.official
    alone = bench.tracks(corpus, settings.model_copy(update={"trailing_s": ()}))
    seconds = {video: _each_second(track, truth.durations_s[video]) for video, track in alone.items()}
    rows = [
        _brief("no trailing means", alone, truth),
        _brief("trailing means", bench.tracks(corpus, settings), truth),
    ]
    for name, sigma_s in SETTINGS.gaussians_s.items():
        smooth = {video: offline.gaussian_smoothing(track, sigma_s) for video, track in seconds.items()}
        rows.append(_brief(f"Gaussian, {name} (offline)", smooth, truth))
    with_mean = {video: offline.with_video_mean(track, 1.0) for video, track in smooth.items()}
    rows.append(_brief(f"Gaussian, {name}, and the video's mean (offline)", with_mean, truth))
    return rows


def _each_second(track: ScoreTrack, duration_s: float) -> ScoreTrack:
    """The score that holds at each second: a Gaussian is to weigh seconds, not stretches."""
    times_s = np.arange(track.times_s[0], duration_s, 1.0)
    return replace(track, times_s=times_s, values=scores_at(track, times_s))


def speed(bench: Bench) -> list[Row]:
    """Captions a second on this machine, from text to score; the sentences' time is that of their making."""
    settings = _named_classes(bench)
    corpus = bench.corpus(settings)
    scorer = bench.scorer(corpus, settings, bench.background(settings))
    started = time.monotonic()
    settings.scoring.chosen.fit(scorer.bank, None)
    fitted = time.monotonic()
    scorer.score_vectors(bench.vectors[:1])  # a fit that is remembered is not timed twice
    began = time.monotonic()
    bench.judged(scorer)
    judged = time.monotonic()
    bench.tracks(corpus, settings)
    ended = time.monotonic()
    weights = find_sentence_encoder(chosen_model(settings.text_encoder)) / WEIGHTS_FILE
    return [
        {
            "variant": "text to score",
            "stream": STREAM,
            "captions": len(bench.table),
            "sentences": len(bench.vectors),
            "traces": len(scorer.bank),
            "fit_s": fitted - started,
            "embedding_s": bench.sentences.seconds,
            "scoring_s": judged - began,
            "over_time_s": ended - judged,
            "captions_per_s": len(bench.table) / (bench.sentences.seconds + ended - began),
            "threads": torch.get_num_threads(),
            "device": bench.project.machine.device,
            "weights_mib": weights.stat().st_size / 2**20,
        }
    ]


def _with_class(truth: GroundTruth, name: str) -> GroundTruth:
    """The videos of one class and the normal ones."""
    kept = [
        video
        for video in truth.videos
        if not truth.intervals[video] or name in {event.label for event in truth.intervals[video]}
    ]
    return truth.only(kept, f"{truth.name}: {name} and normal videos")


def _in_full(variant: str, tracks: Tracks, truth: GroundTruth) -> Row:
    """Every number, with intervals."""
    row = evaluate(tracks, truth, rng=np.random.default_rng(0), resamples=SETTINGS.resamples).to_dict()
    kept = {key: value for key, value in row.items() if key not in ("events", "localisation", "bootstrap")}
    return {"variant": variant, **kept}


def _brief(variant: str, tracks: Tracks, truth: GroundTruth) -> Row:
    """The numbers of the ranking, without intervals."""
    frames = FrameScores.from_tracks(tracks, truth)
    counts = LevelCounts.of(frames.scores, frames.labels)
    first = next(iter(tracks.values()))
    return {
        "variant": variant,
        "stream": first.stream,
        "causal": first.causal,
        "auc": counts.roc_auc,
        "auc_anomalous": auc_anomalous(frames),
        "average_precision": counts.average_precision,
        "pr_auc_trapezoid": counts.pr_auc_trapezoid,
        "tie_share": counts.tie_share,
        "ground_truth": {"name": truth.name, "fingerprint": truth.fingerprint},
    }


EXPERIMENTS: dict[str, Callable[[Bench], list[Row]]] = {
    one.__name__: one
    for one in (headline, judges, scorers, left_out_class, bank_size, scene, over_time, speed)
}
"""Every experiment by name."""
