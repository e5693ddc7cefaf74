"""Episodes: what an operator would be called for. The ONE rule that turns scores into them, and their schema.

`EpisodeTracker` is the rule: scores go in as they come, what opened, grew or closed comes out.
`episode_runs` is a vectorised twin for sweeps over many thresholds, tied to the rule by a property test. The
threshold itself comes from `thresholds`. Everything here is causal: an episode is decided by scores up to its
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.types import Episode, ScoreTrack, Times

Runs = NDArray[np.int64]
"""Shape (E, 2): first entry of each episode, and the first entry after it."""

EPISODES = pl.Schema(
    {
        "video": pl.String(),
        "stream": pl.String(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "peak_s": pl.Float64(),
        "peak_score": pl.Float64(),
        "label": pl.String(),
        "because": pl.String(),
    }
)
"""One row an episode, wherever episodes are kept. `video`: its id in the graph, its path on the command line,
its name in the inbox, a camera's name; `label`, `because`: as in `Episode`, null where nothing says."""


def episode_table(video: str, episodes: Mapping[str, Iterable[Episode]]) -> pl.DataFrame:
    """The episodes of one video, by stream, as rows of `EPISODES`."""
    rows = [
        (video, stream, one.start_s, one.end_s, one.peak_s, one.peak_score, one.label, one.because)
        for stream, some in episodes.items()
        for one in some
    ]
    return pl.DataFrame(rows, schema=EPISODES, orient="row")


def episodes_in(table: pl.DataFrame) -> dict[str, dict[str, tuple[Episode, ...]]]:
    """Episodes by video, then by stream, from rows of `EPISODES`: the inverse of `episode_table`."""
    episodes: dict[str, dict[str, tuple[Episode, ...]]] = {}
    for video, stream, *values in table.select(list(EPISODES)).iter_rows():
        by_stream = episodes.setdefault(video, {})
        by_stream[stream] = (*by_stream.get(stream, ()), Episode(*values))
    return episodes


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


@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """Something that happened to an episode."""

    kind: Literal["opened", "grown", "closed"]
    """`opened`: it has lasted long enough to be raised; `grown`: it still lasts; `closed`: it has an end."""
    video: str
    """Where: a video or a camera."""
    stream: str
    """The stream above its threshold."""
    episode: Episode
    """As far as it is known: until it is closed, its end is the last time that was looked at."""


class EpisodeTracker:
    """The rule: scores of one stream of one video go in as they come, events come out.

    Parameters
    ----------
    threshold : in units of the score.
    rules : hysteresis, gap and duration.
    video, stream : named in the events.

    Notes
    -----
    How scores are split into pieces changes no episode that is closed, only how often one is seen to grow.
    Memory does not depend on the length.

    Examples
    --------
    >>> tracker = EpisodeTracker(1.0)
    >>> scores = ScoreTrack(np.arange(3.0), np.array([0.0, 3.0, 3.5]))
    >>> [(event.kind, event.episode.start_s) for event in tracker.push(scores)]
    [('opened', 1.0)]
    >>> [(event.kind, event.episode.end_s) for event in tracker.close(end_s=4.0)]
    [('closed', 4.0)]
    """

    def __init__(
        self, threshold: float, rules: EpisodeRules = PLAIN, *, video: str = "", stream: str = ""
    ) -> None:
        self.threshold = threshold
        self.rules = rules
        self._names = (video, stream)
        self._now_s = -np.inf
        self._start_s: float | None = None
        self._end_s: float | None = None  # the run is over, but may still be continued within the gap
        self._peak = (0.0, -np.inf)
        self._is_raised = False

    @property
    def peak_s(self) -> float | None:
        """Time of the highest score of the episode that is not over yet (seconds); None without one."""
        return None if self._start_s is None else self._peak[0]

    def push(self, track: ScoreTrack) -> list[EpisodeEvent]:
        """Take the next scores, ABOVE the threshold or not (a score equal to it is not); what they open, let
        grow and close."""
        events, since_s = [], -np.inf
        for gap in track.unknown:
            events += [*self._take(track.between(since_s, gap.start_s)), *self.gap(gap.start_s)]
            since_s = gap.end_s
        return [*events, *self._take(track.between(since_s, np.inf))]

    def _take(self, track: ScoreTrack) -> list[EpisodeEvent]:
        """Scores without a stretch that is unknown."""
        if not len(track):
            return []
        times_s, scores = track.times_s, np.asarray(track.values, np.float64)
        if times_s[0] <= self._now_s:
            raise ValueError(f"times must rise strictly: {self._now_s} s is followed by {times_s[0]} s")
        was_on = self._start_s is not None and self._end_s is None
        is_on = _held_above(scores, self.threshold, self.threshold - self.rules.hysteresis, was_on)
        if was_on and not is_on[0]:
            self._end_s = float(times_s[0])
        events: list[EpisodeEvent] = []
        for first, after in _runs_of(is_on).tolist():
            if first or not was_on:
                events += self._begin(float(times_s[first]))
            peak = first + int(np.argmax(scores[first:after]))
            if scores[peak] > self._peak[1]:
                self._peak = (float(times_s[peak]), float(scores[peak]))
            if after < len(scores):
                self._end_s = float(times_s[after])
        return [*events, *self._settle(float(times_s[-1]))]

    def gap(self, start_s: float) -> list[EpisodeEvent]:
        """Nothing is known from `start_s` on, until the next scores: a run that was on ends there."""
        if self._start_s is not None and self._end_s is None:
            self._end_s = max(start_s, self._now_s)
        return self._settle(max(start_s, self._now_s))

    def close(self, end_s: float | None = None) -> list[EpisodeEvent]:
        """The video is over at `end_s` (the last time if None): the episode that was still on is closed."""
        if self._start_s is None:
            return []
        if self._end_s is None:
            self._end_s = self._now_s if end_s is None else max(end_s, self._now_s)
        return self._finish()

    def _begin(self, time_s: float) -> list[EpisodeEvent]:
        """A run begins: it continues the last episode, or is one of its own."""
        events = []
        if self._end_s is not None and time_s - self._end_s >= self.rules.min_gap_s:
            events = self._finish()
        if self._start_s is None:
            self._start_s, self._peak = time_s, (time_s, -np.inf)
        self._end_s = None
        return events

    def _settle(self, now_s: float) -> list[EpisodeEvent]:
        """What is known at the end of a piece."""
        self._now_s = now_s
        if self._start_s is None:
            return []
        if self._end_s is not None and now_s - self._end_s >= self.rules.min_gap_s:
            return self._finish()
        if self._is_raised:
            return [self._event("grown")] if self._end_s is None else []
        return self._raise()

    def _raise(self) -> list[EpisodeEvent]:
        event = self._event("opened")
        if event.episode.end_s - event.episode.start_s < self.rules.min_duration_s:
            return []
        self._is_raised = True
        return [event]

    def _finish(self) -> list[EpisodeEvent]:
        events = [] if self._is_raised else self._raise()
        if self._is_raised:
            events.append(self._event("closed"))
        self._start_s = self._end_s = None
        self._is_raised = False
        return events

    def _event(self, kind: Literal["opened", "grown", "closed"]) -> EpisodeEvent:
        start_s = self._now_s if self._start_s is None else self._start_s
        end_s = self._now_s if self._end_s is None else self._end_s
        return EpisodeEvent(kind, *self._names, Episode(start_s, end_s, *self._peak))


def episode_runs(
    times_s: Times,
    scores: NDArray[np.float64],
    threshold: float,
    rules: EpisodeRules = PLAIN,
    *,
    end_s: float | None = None,
) -> Runs:
    """The episodes of `EpisodeTracker` as positions, shape (E, 2), for sweeps over many thresholds.

    `end_s` is where the last score stops holding, such as the length of the video; the last time if None.
    """
    runs = _runs_of(_held_above(scores, threshold, threshold - rules.hysteresis))
    if rules.min_gap_s > 0 and len(runs) > 1:
        begins_episode = times_s[runs[1:, 0]] - times_s[runs[:-1, 1]] >= rules.min_gap_s
        runs = np.stack(
            [runs[np.append(True, begins_episode), 0], runs[np.append(begins_episode, True), 1]], axis=1
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


def _runs_of(is_on: NDArray[np.bool_]) -> Runs:
    steps = np.diff(np.concatenate([[False], is_on, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=1)  # (E, 2)


def _held_above(
    scores: NDArray[np.float64], on: float, off: float, was_on: bool = False
) -> NDArray[np.bool_]:
    """Whether an alarm that rises above `on` and falls at or below `off` is on at each score."""
    if on == off:
        return scores > on
    decided = np.where((scores > on) | (scores <= off), np.arange(len(scores)), -1)
    last = np.maximum.accumulate(decided) if len(scores) else decided
    return np.where(last >= 0, scores[np.maximum(last, 0)] > on, was_on)


def _end_times(times_s: Times, runs: Runs, end_s: float | None) -> Times:
    if len(times_s) == 0:
        return np.zeros(0)
    last_s = float(times_s[-1]) if end_s is None else max(float(end_s), float(times_s[-1]))
    return np.append(times_s, last_s)[runs[:, 1]]
