"""The page of one video: its curves, its episodes, and what the detector saw at the peaks.

Numbers over many videos belong in `benchmark`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from traces_core.report.formatting import clock, number, plural
from traces_core.report.images import attention_uri, frame_uri
from traces_core.report.model import ExplainedMoment, NearTrace, VideoReport
from traces_core.report.page import write_page
from traces_core.report.strips import (
    Scale,
    area_path,
    curve_path,
    digits_of,
    scale_of,
    time_ticks,
    value_ticks,
)
from traces_core.types import Episode, Interval, ScoreTrack


def write_video_report(path: Path | str, report: VideoReport) -> Path:
    """Write the page of one video as a single HTML file that needs no network.

    Returns
    -------
    The path. The same report always gives the same bytes.
    """
    end_s = max([report.duration_s, *(float(t.times_s[-1]) for t in report.tracks.values() if len(t))])
    streams = sorted(report.tracks, key=lambda name: not report.tracks[name].causal)
    values = {
        "report": report,
        "streams": [_strip(report, name, end_s) for name in streams],
        "ticks": [(Scale(0, end_s).share(t), clock(t, int(end_s < 4))) for t in time_ticks(end_s)],
        "truth": [_band(interval, end_s) for interval in report.truth or ()],
        "episodes": [_episode(e, name, report.truth) for name in streams for e in _episodes_of(report, name)],
        "missed": _missed(report, streams),
        "moments": [_moment(moment) for moment in report.moments],
        "summary": _summary(report, streams),
    }
    return write_page(path, "video.html", values)


def _strip(report: VideoReport, name: str, end_s: float) -> dict[str, Any]:
    """Everything the template needs to draw one stream."""
    track, threshold = report.tracks[name], report.thresholds.get(name)
    scale = scale_of(track, threshold)
    ticks = value_ticks(scale)
    path = curve_path(track, end_s, scale)
    level = None if threshold is None else scale.share(threshold)
    return {
        "name": name,
        "causal": track.causal,
        "path": path,
        "area": area_path(path, track, end_s, level or 0.0),
        "threshold": threshold,
        "level": level,
        "ticks": [(scale.share(value), number(value, digits_of(ticks))) for value in ticks],
        "episodes": [_band(episode, end_s) for episode in _episodes_of(report, name)],
        "marks": [
            {"at": Scale(0, end_s).share(moment.time_s), "number": i, "time_s": moment.time_s}
            for i, moment in enumerate(report.moments, 1)
            if moment.stream == name
        ],
        "facts": _facts(track, threshold, _episodes_of(report, name)),
    }


def _episodes_of(report: VideoReport, name: str) -> Sequence[Episode]:
    return report.episodes.get(name, ())


def _facts(track: ScoreTrack, threshold: float | None, episodes: Sequence[Episode]) -> str:
    """One sentence about a stream: for its caption, and for those who cannot see the curve."""
    if not len(track):
        return "no scores"
    peak = int(track.values.argmax())
    highest = f"highest {number(track.values[peak])} at {clock(float(track.times_s[peak]), 1)}"
    if threshold is None:
        return f"{highest}, no threshold"
    above = sum(episode.end_s - episode.start_s for episode in episodes)
    time = f", {number(above, 1)} s in all" if episodes else ""
    return f"{highest}, threshold {number(threshold)}, {plural(len(episodes), 'episode')}{time}"


def _band(stretch: Interval | Episode, end_s: float) -> dict[str, Any]:
    across = Scale(0, end_s)
    left, right = across.share(stretch.start_s), across.share(stretch.end_s)
    return {
        "left": left,
        "width": right - left,
        "label": stretch.label if isinstance(stretch, Interval) else "",
        "start_s": stretch.start_s,
        "end_s": stretch.end_s,
    }


def _episode(episode: Episode, stream: str, truth: Sequence[Interval] | None) -> dict[str, Any]:
    during = [i for i in truth or () if _overlap(episode, i)]
    names = sorted({interval.label or "an event" for interval in during})
    return {"stream": stream, "episode": episode, "during": ", ".join(names), "known": truth is not None}


def _missed(report: VideoReport, streams: Sequence[str]) -> list[tuple[str, list[Interval]]]:
    """Per stream with a threshold, the events no episode touches."""
    rows = []
    for name in streams:
        if name not in report.thresholds:
            continue
        episodes = _episodes_of(report, name)
        lost = [i for i in report.truth or () if not any(_overlap(e, i) for e in episodes)]
        if lost:
            rows.append((name, lost))
    return rows


def _overlap(episode: Episode, interval: Interval) -> bool:
    return episode.start_s < interval.end_s and interval.start_s < episode.end_s


def _summary(report: VideoReport, streams: Sequence[str]) -> str:
    """What a reader in a hurry takes away."""
    judged = [name for name in streams if name in report.thresholds]
    if not judged:
        return "Scored without a threshold: the curves rank the moments, nothing is called an episode."
    parts = [f"{plural(len(_episodes_of(report, name)), 'episode')} in {name}" for name in judged]
    text = ", ".join(parts) + "."
    return text[0].upper() + text[1:]


def _moment(moment: ExplainedMoment) -> dict[str, Any]:
    window = moment.window_attention
    return {
        "moment": moment,
        "frame": frame_uri(moment.frame),
        "layer": _layer(moment),
        "window": [] if window is None else [float(w) / (float(window.max()) or 1.0) for w in window],
        "sides": [
            ("anomalous", "Nearest anomalous traces", _bars(moment.anomalous)),
            ("normal", "Nearest normal traces", _bars(moment.normal)),
        ],
    }


def _layer(moment: ExplainedMoment) -> tuple[str, str] | None:
    """What is laid over the frame, and its caption: surprise where it is known, else attention."""
    if moment.surprise is not None:
        caption = "Surprise over the frame: bright where it was not as predicted"
        return attention_uri(moment.surprise, moment.frame), caption
    if moment.attention is not None:
        caption = "Attention over the frame: bright where the model looked"
        return attention_uri(moment.attention, moment.frame), caption
    return None


def _bars(near: Sequence[NearTrace]) -> list[dict[str, Any]]:
    """A bar is as long as the similarity, from 0 to 1: a cosine, not a share of the longest one."""
    return [{"text": t, "similarity": s, "class": c, "share": Scale(0, 1).share(s)} for t, s, c in near]
