"""Localisation: do the episodes have the extent of the events? Average precision at temporal overlaps.

At each of many thresholds, one for all videos, the episodes are the detections. A detection is right if its
overlap with an event, as intersection over union in time (tIoU), is large enough; each event counts once.
Whether an event was detected at all, and how late, is measured in `alarms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.datasets import GroundTruth
from traces_core.types import ScoreTrack, Times

OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""The tIoUs of the literature."""
MOST_THRESHOLDS = 200
"""Of more distinct scores than this, that many are taken: close together at the top, wide apart below."""


@dataclass(frozen=True)
class _Line:
    """All videos one after another on one axis of time, with a gap between two."""

    scores: NDArray[np.float64]
    """Shape (T,)."""
    starts_s: Times
    """Shape (T,): where each score begins to hold."""
    ends_s: Times
    """Shape (T,): where it ends."""
    is_first: NDArray[np.bool_]
    """Shape (T,): the first score of its video."""
    events_s: NDArray[np.float64]
    """Shape (I, 2): start and end of each event, in order."""

    def episodes(self, threshold: float) -> NDArray[np.float64]:
        """Start and end of each run of scores above the threshold: shape (E, 2)."""
        is_on = self.scores > threshold
        begins = is_on & (self.is_first | ~np.roll(is_on, 1))
        ends = is_on & (np.roll(self.is_first, -1) | ~np.roll(is_on, -1))
        return np.stack([self.starts_s[begins], self.ends_s[ends]], axis=1)


def localisation(
    tracks: Mapping[str, ScoreTrack], truth: GroundTruth, overlaps: Sequence[float] = OVERLAPS
) -> dict[str, float | None]:
    """Average precision of the episodes at each tIoU, and their mean (mAP).

    Returns
    -------
    dict
        Per tIoU (`"0.1"`) and as `"mean"`: 0 to 1, None without events. Of no class: a score that does not
        name what it sees cannot be wrong about it, so do not compare it with class-wise mAP.

    Notes
    -----
    Ours. Detections elsewhere are cut at each video's own half height, which needs the whole video; here
    one threshold serves all. Precision is the highest at that recall or above (as in PASCAL VOC 2010).
    """
    if not truth.events:
        return {**{f"{overlap:g}": None for overlap in overlaps}, "mean": None}
    line = _one_line(tracks, truth)
    points: dict[float, list[tuple[float, float]]] = {overlap: [] for overlap in overlaps}
    for threshold in _thresholds(line.scores):
        episodes = line.episodes(threshold)
        pairs = _pairs(episodes, line.events_s, min(overlaps)) if len(episodes) else []
        for overlap in overlaps:
            hits = _matched(pairs, overlap)
            points[overlap].append((hits / truth.events, hits / max(len(episodes), 1)))
    areas = {overlap: _area(curve) for overlap, curve in points.items()}
    mean = float(np.mean(list(areas.values())))
    return {**{f"{overlap:g}": area for overlap, area in areas.items()}, "mean": mean}


def _one_line(tracks: Mapping[str, ScoreTrack], truth: GroundTruth) -> _Line:
    scores, starts_s, ends_s, is_first, events = [], [], [], [], []
    origin_s = 0.0
    for video in truth.videos:
        track, end_s = tracks[video], truth.durations_s[video]
        if len(track):
            scores.append(np.asarray(track.values, np.float64))
            starts_s.append(origin_s + track.times_s)
            ends_s.append(origin_s + np.append(track.times_s[1:], max(end_s, float(track.times_s[-1]))))
            is_first.append(np.arange(len(track)) == 0)
        events += [(origin_s + event.start_s, origin_s + event.end_s) for event in truth.intervals[video]]
        origin_s += max(end_s, float(track.times_s[-1]) if len(track) else 0.0) + 1.0
    return _Line(
        np.concatenate(scores or [np.zeros(0)]),
        np.concatenate(starts_s or [np.zeros(0)]),
        np.concatenate(ends_s or [np.zeros(0)]),
        np.concatenate(is_first or [np.zeros(0, np.bool_)]),
        np.array(events, dtype=np.float64),
    )


def _thresholds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where to cut, from just below the lowest score upwards."""
    levels = np.unique(scores)
    if not len(levels):
        return levels
    levels = np.concatenate([[np.nextafter(levels[0], -np.inf)], levels[:-1]])
    if len(levels) > MOST_THRESHOLDS:
        from_top = np.unique(np.geomspace(1, len(levels), MOST_THRESHOLDS).round().astype(np.int64))
        levels = levels[len(levels) - from_top]
    return levels


def _pairs(
    episodes: NDArray[np.float64], events: NDArray[np.float64], least: float
) -> list[tuple[float, int, int]]:
    """Overlap, event and episode of each pair with at least that tIoU, the best first."""
    pairs = []
    first = np.searchsorted(episodes[:, 1], events[:, 0], side="right")
    after = np.searchsorted(episodes[:, 0], events[:, 1], side="left")
    for i in np.flatnonzero(after > first):
        near = episodes[first[i] : after[i]]
        shared = np.minimum(near[:, 1], events[i, 1]) - np.maximum(near[:, 0], events[i, 0])
        union = np.maximum(near[:, 1], events[i, 1]) - np.minimum(near[:, 0], events[i, 0])
        tiou = shared / union
        pairs += [(float(tiou[j]), int(i), int(first[i] + j)) for j in np.flatnonzero(tiou >= least)]
    return sorted(pairs, reverse=True)


def _matched(pairs: list[tuple[float, int, int]], overlap: float) -> int:
    """Events with an episode of their own."""
    events: set[int] = set()
    episodes: set[int] = set()
    for tiou, event, episode in pairs:
        if tiou < overlap:
            break
        if event not in events and episode not in episodes:
            events.add(event)
            episodes.add(episode)
    return len(events)


def _area(points: list[tuple[float, float]]) -> float:
    """Area under the highest precision at each recall or above, of points (recall, precision)."""
    if not points:
        return 0.0
    area, reached, best = 0.0, max(recall for recall, _ in points), 0.0
    for recall, precision in sorted(points, reverse=True):
        area += (reached - recall) * best
        reached, best = recall, max(best, precision)
    return area + reached * best
