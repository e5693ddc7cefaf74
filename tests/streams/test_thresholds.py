"""The threshold from normal footage: coverage by simulation, the finite-sample rule, the gate."""

from __future__ import annotations

import json

import numpy as np
import pytest
from whole_episodes import find_episodes

from traces_core.errors import NotFiniteError, TooLittleFootageError
from traces_core.streams.episodes import EpisodeRules
from traces_core.streams.thresholds import (
    Threshold,
    block_maxima,
    calibrate_threshold,
    enough_normal_footage,
)
from traces_core.types import ScoreTrack

DAILY = 1 / 24


def normal_track(rng: np.random.Generator, duration_s: float, hop_s: float = 1.0) -> ScoreTrack:
    """Scores that wander, as those of neighbouring windows do."""
    times_s = np.arange(0.0, duration_s, hop_s)
    noise = rng.normal(size=len(times_s) + 7)
    return ScoreTrack(times_s, np.convolve(noise, np.ones(8), "valid").astype(np.float32), stream="s")


def one_score_a_minute(blocks: int) -> tuple[dict[str, ScoreTrack], dict[str, float]]:
    """Blocks of one minute whose highest alarms are 0, 1, 2 ..."""
    minutes = np.arange(float(blocks))
    return {"v": ScoreTrack(minutes * 60, minutes, stream="s")}, {"v": blocks * 60.0}


def calibrated(track: ScoreTrack, rate: float, **options: object) -> Threshold:
    duration_s = float(track.times_s[-1]) + 1.0
    return calibrate_threshold({"v": track}, {"v": duration_s}, false_alarms_per_hour=rate, **options)


@pytest.mark.parametrize(
    ("blocks", "rules"),
    [
        (19, EpisodeRules()),  # the rank falls on a whole number: exactly alpha
        (40, EpisodeRules()),  # it does not: below alpha
        (100, EpisodeRules()),
        (19, EpisodeRules(min_duration_s=3.0)),  # a block's alarm is no longer its highest score
    ],
)
def test_a_new_block_raises_an_alarm_as_rarely_as_was_asked(blocks, rules):
    """400 calibrations, each tried on 20 new blocks: alpha = 0.1 a block, with its sampling error."""
    rng, alpha, block_s = np.random.default_rng(blocks), 0.1, 30.0
    alarms = []
    for _ in range(400):
        footage = normal_track(rng, (blocks + 20) * block_s)
        known = ScoreTrack(footage.times_s[: blocks * 30], footage.values[: blocks * 30], stream="s")
        threshold = calibrated(known, alpha * 3600 / block_s, block_s=block_s, rules=rules)
        assert threshold.blocks == blocks
        new = block_maxima(footage, (blocks + 20) * block_s, block_s=block_s, rules=rules)[blocks:]
        alarms.append(np.mean(new > threshold.value))
    rank = np.ceil((blocks + 1) * (1 - alpha) - 1e-9)
    exact = 1 - rank / (blocks + 1)
    assert exact <= alpha
    assert np.mean(alarms) == pytest.approx(exact, abs=0.015)


def test_the_threshold_is_the_order_statistic_of_the_finite_sample_rule():
    footage = one_score_a_minute(19)
    # alpha 0.1: ceil(20 x 0.9) = 18th of 0..18; alpha 0.05: ceil(20 x 0.95) = 19th, the highest
    assert calibrate_threshold(*footage, false_alarms_per_hour=6.0).value == 17.0
    assert calibrate_threshold(*footage, false_alarms_per_hour=3.0).value == 18.0
    with pytest.raises(TooLittleFootageError):  # the 20th of 19
        calibrate_threshold(*footage, false_alarms_per_hour=2.9)


def test_a_stricter_rate_never_lowers_the_threshold():
    track = normal_track(np.random.default_rng(0), 3600 * 2)
    values = [calibrated(track, rate).value for rate in (30.0, 10.0, 3.0, 1.0)]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_the_expected_rate_is_never_above_the_one_asked_for():
    track = normal_track(np.random.default_rng(1), 3600)
    for rate in (1.0, 1.7, 5.0, 20.0, 59.0):
        threshold = calibrated(track, rate)
        assert threshold.expected_false_alarms_per_hour <= rate + 1e-6
        assert rate - threshold.expected_false_alarms_per_hour < 60 * threshold.resolution + 1e-6
        assert threshold.resolution == 1 / 61


def test_a_threshold_moves_with_the_scores():
    track = normal_track(np.random.default_rng(2), 3600)
    stretched = ScoreTrack(track.times_s, track.values.astype(np.float64) * 4 + 2, stream="s")
    assert calibrated(stretched, 6.0).value == pytest.approx(calibrated(track, 6.0).value * 4 + 2)


def test_too_little_footage_says_how_many_hours_are_needed():
    track = normal_track(np.random.default_rng(3), 1200)
    with pytest.raises(TooLittleFootageError, match=r"0\.33 h.*20 blocks.*23\.98 h.*1439 blocks.*2\.86"):
        calibrated(track, DAILY)
    with pytest.raises(TooLittleFootageError, match="0 blocks"):
        calibrate_threshold({}, {}, false_alarms_per_hour=1.0)


@pytest.mark.parametrize(
    ("hours", "rate", "is_enough"),
    [
        (24.0, DAILY, True),  # 1,440 blocks
        (1439 / 60, DAILY, True),  # exactly enough: 1 / (n + 1) is one in 1,440
        (1438 / 60, DAILY, False),
        (1.0, 1.0, True),
        (0.5, 1.0, False),
    ],
)
def test_the_gate_knows_how_much_is_enough(hours, rate, is_enough):
    check = enough_normal_footage({"v": hours * 3600}, false_alarms_per_hour=rate)
    assert check.is_enough is is_enough
    assert (check.hours >= check.hours_needed) is is_enough
    assert json.loads(json.dumps(check.to_dict()))["is_enough"] is is_enough


@pytest.mark.parametrize("blocks", [1, 5, 19, 59, 60])
@pytest.mark.parametrize("rate", [0.5, 1.0, 2.9, 3.0, 7.0, 30.0])
def test_the_gate_and_the_calibration_agree(blocks, rate):
    tracks, durations_s = one_score_a_minute(blocks)
    if enough_normal_footage(durations_s, false_alarms_per_hour=rate).is_enough:
        assert calibrate_threshold(tracks, durations_s, false_alarms_per_hour=rate).blocks == blocks
    else:
        with pytest.raises(TooLittleFootageError):
            calibrate_threshold(tracks, durations_s, false_alarms_per_hour=rate)


def test_only_whole_blocks_count_and_a_hair_less_is_whole():
    track = normal_track(np.random.default_rng(4), 185)
    assert len(block_maxima(track, 185.0, block_s=60.0)) == 3
    assert len(block_maxima(track, 179.97, block_s=60.0)) == 3
    assert len(block_maxima(track, 170.0, block_s=60.0)) == 2


def test_the_highest_alarm_of_a_block_is_where_its_episodes_end():
    rng, rules = np.random.default_rng(5), EpisodeRules(hysteresis=0.5, min_gap_s=2.0, min_duration_s=4.0)
    track = normal_track(rng, 600)
    for number, highest in enumerate(block_maxima(track, 600.0, block_s=60.0, rules=rules)):
        inside = slice(number * 60, number * 60 + 60)
        block = ScoreTrack(track.times_s[inside], track.values[inside])
        end_s = (number + 1) * 60.0
        assert find_episodes(block, highest, rules, end_s=end_s) == []
        assert find_episodes(block, highest - 1e-6, rules, end_s=end_s)


def test_a_threshold_survives_json():
    threshold = calibrated(
        normal_track(np.random.default_rng(6), 3600), 6.0, rules=EpisodeRules(0.1, 1.0, 2.0)
    )
    assert Threshold.from_dict(json.loads(json.dumps(threshold.to_dict()))) == threshold
    with pytest.raises(ValueError, match="Calibrate again"):
        Threshold.from_dict({"value": 1.0})


@pytest.mark.parametrize(
    ("rate", "block_s"), [(0.0, 60.0), (-1.0, 60.0), (1.0, 0.0), (60.0, 60.0), (90.0, 60.0)]
)
def test_a_rate_that_no_threshold_can_keep_is_refused(rate, block_s):
    with pytest.raises(ValueError, match="false alarms an hour"):
        calibrated(normal_track(np.random.default_rng(7), 3600), rate, block_s=block_s)


def test_scores_of_two_streams_or_not_finite_are_refused():
    track = normal_track(np.random.default_rng(8), 120)
    other = ScoreTrack(track.times_s, track.values, stream="fused")
    with pytest.raises(ValueError, match="several streams"):
        calibrate_threshold({"a": track, "b": other}, {"a": 120.0, "b": 120.0}, false_alarms_per_hour=20.0)
    broken = ScoreTrack(track.times_s, np.where(track.times_s == 5, np.nan, track.values), stream="s")
    with pytest.raises(NotFiniteError, match="broken"):
        calibrate_threshold({"broken": broken}, {"broken": 120.0}, false_alarms_per_hour=20.0)
