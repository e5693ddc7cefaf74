"""The threshold to run with, from NORMAL footage alone, at a stated rate of false alarms.

Split-conformal: footage is cut into blocks of equal length; each block gives one number, the highest
threshold at which it would still raise an alarm; the threshold is an order statistic of these numbers.
Blocks, because frames of one minute are no independent draws. Nothing here has seen an anomaly: thresholds
that were fitted on a ground truth are in `traces_core.metrics` and serve comparison only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import TooLittleFootageError
from traces_core.streams.episodes import PLAIN, EpisodeRules, decisive_thresholds, episode_runs
from traces_core.types import ScoreTrack

SLACK = 1e-9
"""Rates such as 1/24 are not exact in binary: keeps (n + 1)(1 - alpha) from tipping over a whole number."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Scores above `value` raise an alarm."""

    value: float
    """In units of the score."""
    stream: str
    """The stream it was made for; of no use to another."""
    false_alarms_per_hour: float
    """The rate that was asked for, per camera."""
    expected_false_alarms_per_hour: float
    """The rate to expect on footage like the calibration's: at most the one asked for."""
    blocks: int
    """Normal blocks it rests on (n)."""
    block_s: float
    """Length of a block in seconds; all alarms of one block count as one."""
    resolution: float
    """The finest chance of a false alarm per block that n blocks can support: 1 / (n + 1)."""
    rules: EpisodeRules = PLAIN
    """When a run of scores is an episode: use the same rules at run time."""

    def to_dict(self) -> dict[str, object]:
        """Plain numbers for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entry: Mapping[str, object]) -> Threshold:
        """What `to_dict` gave."""
        known = {field.name for field in fields(cls)}
        if set(entry) != known:
            raise ValueError(
                f"a threshold has the fields {sorted(known)}; found {sorted(entry)}. Calibrate again."
            )
        rules: Any = entry["rules"]
        values: dict[str, Any] = {**entry, "rules": EpisodeRules(**rules)}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class FootageCheck:
    """Whether there is enough normal footage for a rate of false alarms: the gate before `thresholds`."""

    is_enough: bool
    """The gate."""
    blocks: int
    """Whole blocks there are."""
    blocks_needed: int
    """Whole blocks it takes."""
    hours: float
    """Footage in whole blocks, in hours."""
    hours_needed: float
    """Footage it takes, in hours."""
    false_alarms_per_hour: float
    """The rate asked for."""
    finest_false_alarms_per_hour: float
    """The lowest rate that the footage there is supports."""
    block_s: float
    """Length of a block in seconds."""

    def to_dict(self) -> dict[str, object]:
        """Plain numbers for JSON."""
        return asdict(self)


def enough_normal_footage(
    durations_s: Mapping[str, float], *, false_alarms_per_hour: float, block_s: float = 60.0
) -> FootageCheck:
    """Whether normal videos of these lengths support the rate.

    Examples
    --------
    >>> check = enough_normal_footage({"day.mp4": 3600.0}, false_alarms_per_hour=1 / 24)
    >>> check.is_enough, check.blocks, check.blocks_needed
    (False, 60, 1439)
    """
    _chance_per_block(false_alarms_per_hour, block_s)
    blocks = sum(_whole_blocks(duration_s, block_s) for duration_s in durations_s.values())
    return _check_blocks(blocks, false_alarms_per_hour, block_s)


def calibrate_threshold(
    tracks: Mapping[str, ScoreTrack],
    durations_s: Mapping[str, float],
    *,
    false_alarms_per_hour: float,
    block_s: float = 60.0,
    rules: EpisodeRules = PLAIN,
) -> Threshold:
    """The lowest threshold that keeps false alarms within the rate.

    Parameters
    ----------
    tracks : scores of NORMAL footage only, all of one stream; footage that chose nothing else (not the
        corpus of training, not the benchmark).
    durations_s : length of each of these videos in seconds.
    false_alarms_per_hour : per camera, above 0.
    block_s : at most one alarm per block is counted, so choose about the time an operator needs for one.
    rules : when a run of scores is an episode.

    Returns
    -------
    Threshold
        With n blocks and alpha = rate x block_s / 3600, the ceil((n + 1)(1 - alpha))-th smallest of the
        blocks' highest alarms.

    Raises
    ------
    TooLittleFootageError
        If n < 1 / alpha - 1; the message states how many hours are needed.
    ValueError
        If the rate asks for more than one alarm a block, or the tracks are of several streams.
    NotFiniteError
        If a score is NaN or infinite.

    Notes
    -----
    Vovk, Gammerman, Shafer 2005 (split conformal): a new block that is exchangeable with these raises an
    alarm with probability at most alpha, ON AVERAGE over calibrations. One calibration can be off either
    way, and other cameras, seasons or nights are not exchangeable. A tail shorter than a block is left
    out: its maximum would be too low.
    """
    _chance_per_block(false_alarms_per_hour, block_s)
    streams = sorted({track.stream for track in tracks.values()})
    if len(streams) > 1:
        raise ValueError(f"tracks of several streams {streams}: a threshold is made for one. Calibrate each.")
    highest = np.concatenate(
        [
            block_maxima(track, durations_s[video], block_s=block_s, rules=rules, where=video)
            for video, track in sorted(tracks.items())
        ]
        or [np.zeros(0)]
    )
    made = threshold_of(
        highest,
        streams[0] if streams else "",
        false_alarms_per_hour=false_alarms_per_hour,
        block_s=block_s,
        rules=rules,
    )
    if made is None:
        check = _check_blocks(len(highest), false_alarms_per_hour, block_s)
        raise TooLittleFootageError(
            f"{check.hours:.2f} h of normal footage ({check.blocks} blocks of {block_s:g} s) cannot support "
            f"{false_alarms_per_hour:g} false alarms an hour: that takes {check.hours_needed:.2f} h "
            f"({check.blocks_needed} blocks). Add normal footage of the same camera, or ask for "
            f"{check.finest_false_alarms_per_hour:.3g} an hour or more."
        )
    return made


def threshold_of(
    highest: NDArray[np.float64],
    stream: str,
    *,
    false_alarms_per_hour: float,
    block_s: float,
    rules: EpisodeRules = PLAIN,
) -> Threshold | None:
    """The threshold of `calibrate_threshold` from blocks' highest alarms, (n,); None where n is too few."""
    alpha, n = _chance_per_block(false_alarms_per_hour, block_s), len(highest)
    if not _check_blocks(n, false_alarms_per_hour, block_s).is_enough:
        return None
    rank = max(1, math.ceil((n + 1) * (1 - alpha) - SLACK))
    return Threshold(
        value=float(np.sort(highest)[rank - 1]),
        stream=stream,
        false_alarms_per_hour=false_alarms_per_hour,
        expected_false_alarms_per_hour=(n + 1 - rank) / (n + 1) * 3600.0 / block_s,
        blocks=n,
        block_s=block_s,
        resolution=1 / (n + 1),
        rules=rules,
    )


def block_maxima(
    track: ScoreTrack,
    duration_s: float,
    *,
    block_s: float,
    rules: EpisodeRules = PLAIN,
    where: str = "track",
) -> NDArray[np.float64]:
    """Per whole block of a video, the highest alarm: float64 array of shape (blocks with a score,).

    Each block is judged by itself: an episode that runs through three blocks counts in each. A block of which
    a part is unknown is left out: its maximum would be too low.
    """
    scores = track.finite(where)
    edges_s = np.arange(_whole_blocks(duration_s, block_s) + 1) * block_s
    cuts = np.searchsorted(track.times_s, edges_s)
    maxima = [
        _highest_alarm(track.times_s[first:after], scores[first:after], rules, float(end_s))
        for first, after, end_s in zip(cuts[:-1], cuts[1:], edges_s[1:], strict=True)
        if after > first
        and not any(gap.start_s < end_s and end_s - block_s < gap.end_s for gap in track.unknown)
    ]
    return np.array(maxima, dtype=np.float64)


def _highest_alarm(
    times_s: NDArray[np.float64], scores: NDArray[np.float64], rules: EpisodeRules, end_s: float
) -> float:
    """The least threshold at which no episode is left: with plain rules, the highest score."""
    if rules.min_duration_s == 0:
        return float(scores.max())
    levels = decisive_thresholds(scores, rules)
    low, high = -1, len(levels) - 1  # at the highest score nothing is on; episodes only fade as it rises
    while high - low > 1:
        middle = (low + high) // 2
        if len(episode_runs(times_s, scores, float(levels[middle]), rules, end_s=end_s)):
            low = middle
        else:
            high = middle
    return float(levels[high])


def _chance_per_block(false_alarms_per_hour: float, block_s: float) -> float:
    """The chance of a false alarm in a block that the rate allows (alpha), above 0 and below 1."""
    if not (false_alarms_per_hour > 0 and block_s > 0):
        raise ValueError(
            f"a rate of {false_alarms_per_hour} false alarms an hour with blocks of {block_s} s; expected "
            "both above 0. No finite footage supports a rate of 0."
        )
    alpha = false_alarms_per_hour * block_s / 3600.0
    if alpha >= 1:
        raise ValueError(
            f"{false_alarms_per_hour:g} false alarms an hour is one or more in every block of {block_s:g} s. "
            f"Use blocks shorter than {3600.0 / false_alarms_per_hour:g} s."
        )
    return alpha


def _whole_blocks(duration_s: float, block_s: float) -> int:
    """Blocks that fit; one that lacks less than a hundredth counts (59.97 s at 29.97 frames/s)."""
    return int(duration_s / block_s + 0.01)


def _check_blocks(blocks: int, false_alarms_per_hour: float, block_s: float) -> FootageCheck:
    alpha = _chance_per_block(false_alarms_per_hour, block_s)
    needed = max(1, math.ceil(1 / alpha - 1 - SLACK / alpha))
    return FootageCheck(
        is_enough=blocks >= needed,
        blocks=blocks,
        blocks_needed=needed,
        hours=blocks * block_s / 3600.0,
        hours_needed=needed * block_s / 3600.0,
        false_alarms_per_hour=false_alarms_per_hour,
        finest_false_alarms_per_hour=3600.0 / block_s / (blocks + 1),
        block_s=block_s,
    )
