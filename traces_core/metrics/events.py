"""Episodes and events: what an operator would be called for, and what of it was true.

The ONE place that turns scores into episodes, in one go (`find_episodes`) or as they come
(`EpisodeTracker`); the threshold itself comes from `traces_core.calibration`. Everything here is causal: an
episode is decided by scores up to its time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.types import Episode, ScoreTrack, Times

Runs = NDArray[np.int64]
"""Shape (E, 2): first entry of each episode, and the first entry after it."""


@dataclass(frozen=True, slots=True)
class EpisodeRules:
    """When a run of high scores is an episode, and when it is over."""

    hysteresis: float = 0.0
    """An episode ends when the score is no longer above the threshold minus this; in units of the score."""
    min_gap_s: float = 0.0
    """An episode that begins less than this many seconds after the last one ended continues it."""
    min_duration_s: float = 0.0
    """An episode is raised when it has lasted this many seconds; a shorter one is none."""

    def __post_init__(self) -> None:
        """Refuse negative and non-finite values."""
        for name in self.__slots__:
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"EpisodeRules.{name} is {value}; expected a number of at least 0")


PLAIN = EpisodeRules()
"""Every run above the threshold is an episode."""


def find_episodes(
    track: ScoreTrack, threshold: float, rules: EpisodeRules = PLAIN, *, end_s: float | None = None
) -> list[Episode]:
    """Runs of scores ABOVE the threshold (a score equal to it is not).

    Parameters
    ----------
    track : scores of shape (T,) with their times.
    threshold : in units of the score.
    rules : hysteresis, gap and duration.
    end_s : where the last score stops holding, such as the length of the video; the last time if None.

    Returns
    -------
    list of Episode
        In order, apart from each other.

    Examples
    --------
    >>> track = ScoreTrack(np.arange(6.0), np.array([0, 3, 0, 2, 5, 0], dtype=np.float32))
    >>> [(e.start_s, e.end_s, e.peak_s) for e in find_episodes(track, 1.0)]
    [(1.0, 2.0, 1.0), (3.0, 5.0, 4.0)]
    >>> [(e.start_s, e.end_s) for e in find_episodes(track, 1.0, EpisodeRules(min_gap_s=2.0))]
    [(1.0, 5.0)]
    """
    scores = np.asarray(track.values, dtype=np.float64)
    runs = episode_runs(track.times_s, scores, threshold, rules, end_s=end_s)
    ends_s = _end_times(track.times_s, runs, end_s)
    episodes = []
    for (first, after), run_end_s in zip(runs.tolist(), ends_s.tolist(), strict=True):
        peak = first + int(np.argmax(scores[first:after]))
        episodes.append(
            Episode(float(track.times_s[first]), run_end_s, float(track.times_s[peak]), float(scores[peak]))
        )
    return episodes


def episode_runs(
    times_s: Times,
    scores: NDArray[np.float64],
    threshold: float,
    rules: EpisodeRules = PLAIN,
    *,
    end_s: float | None = None,
) -> Runs:
    """The episodes of `find_episodes` as positions, shape (E, 2): for sweeps over many thresholds."""
    is_on = _held_above(scores, threshold, threshold - rules.hysteresis)
    steps = np.diff(np.concatenate([[False], is_on, [False]]).astype(np.int8))
    runs = np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=1)  # (E, 2)
    if rules.min_gap_s > 0 and len(runs) > 1:
        begins_anew = times_s[runs[1:, 0]] - times_s[runs[:-1, 1]] >= rules.min_gap_s
        runs = np.stack(
            [runs[np.append(True, begins_anew), 0], runs[np.append(begins_anew, True), 1]], axis=1
        )
    if rules.min_duration_s > 0:
        lasted_s = _end_times(times_s, runs, end_s) - times_s[runs[:, 0]]
        runs = runs[lasted_s >= rules.min_duration_s]
    return runs


def run_times(times_s: Times, runs: Runs, end_s: float | None) -> tuple[Times, Times]:
    """Start and end of each run in seconds, two arrays of shape (E,)."""
    return times_s[runs[:, 0]], _end_times(times_s, runs, end_s)


def decisive_thresholds(scores: NDArray[np.float64], rules: EpisodeRules = PLAIN) -> NDArray[np.float64]:
    """Every threshold at which the episodes of these scores can change, rising.

    From each of them up to (not with) the next the episodes are the same; below the first everything is on,
    at the last nothing is.
    """
    return np.unique(np.concatenate([scores, scores + rules.hysteresis]) if rules.hysteresis else scores)


def _held_above(scores: NDArray[np.float64], on: float, off: float) -> NDArray[np.bool_]:
    """Whether an alarm that rises above `on` and falls at or below `off` is on at each score."""
    if on == off:
        return scores > on
    decided = np.where((scores > on) | (scores <= off), np.arange(len(scores)), -1)
    last = np.maximum.accumulate(decided) if len(scores) else decided
    return (last >= 0) & (scores[np.maximum(last, 0)] > on)


def _end_times(times_s: Times, runs: Runs, end_s: float | None) -> Times:
    if len(times_s) == 0:
        return np.zeros(0)
    last_s = float(times_s[-1]) if end_s is None else max(float(end_s), float(times_s[-1]))
    return np.append(times_s, last_s)[runs[:, 1]]


class EpisodeTracker:
    """The episodes of `find_episodes` while the scores come: feed it, and read `alarm_since_s`.

    Examples
    --------
    >>> tracker = EpisodeTracker(1.0)
    >>> [tracker.push(float(t), score) for t, score in enumerate([0.0, 3.0, 0.0])][2]
    Episode(start_s=1.0, end_s=2.0, peak_s=1.0, peak_score=3.0)
    """

    def __init__(self, threshold: float, rules: EpisodeRules = PLAIN) -> None:
        self.threshold = threshold
        self.rules = rules
        self._start_s: float | None = None
        self._end_s: float | None = None  # the run is over, but may still be continued within the gap
        self._peak = (0.0, -np.inf)
        self._now_s = -np.inf

    @property
    def alarm_since_s(self) -> float | None:
        """Start of the episode that is on and has lasted long enough to be raised; else None."""
        if self._start_s is None or self._end_s is not None:
            return None
        return self._start_s if self._now_s - self._start_s >= self.rules.min_duration_s else None

    def push(self, time_s: float, score: float) -> Episode | None:
        """Take the next score; the episode that is thereby known to be over, if there is one."""
        if time_s <= self._now_s:
            raise ValueError(f"times must rise strictly: {self._now_s} s is followed by {time_s} s")
        self._now_s = time_s
        finished = None
        if self._end_s is not None and time_s - self._end_s >= self.rules.min_gap_s:
            finished = self._finish(self._end_s)
        is_running = self._start_s is not None and self._end_s is None
        level = self.threshold - (self.rules.hysteresis if is_running else 0.0)
        if score > level:
            if self._start_s is None:
                self._start_s, self._peak = time_s, (time_s, score)
            self._end_s = None
            if score > self._peak[1]:
                self._peak = (time_s, score)
        elif is_running:
            self._end_s = time_s
            if self.rules.min_gap_s == 0:
                finished = self._finish(time_s)
        return finished

    def close(self, end_s: float | None = None) -> Episode | None:
        """The stream is over: the episode that was still on, if there is one."""
        if self._start_s is None:
            return None
        open_end_s = self._now_s if end_s is None else max(end_s, self._now_s)
        return self._finish(self._end_s if self._end_s is not None else open_end_s)

    def _finish(self, end_s: float) -> Episode | None:
        start_s, peak = self._start_s, self._peak
        self._start_s = self._end_s = None
        if start_s is None or end_s - start_s < self.rules.min_duration_s:
            return None
        return Episode(start_s, end_s, *peak)
