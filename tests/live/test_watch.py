"""One camera's streams: the same scores as the file's, blocks seen whole, alarms in place, sight lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traces_core.detector.detector import Detector
from traces_core.encoders.seeing import Encoders, EvidenceBuilder
from traces_core.errors import CatalogError, UnknownNameError
from traces_core.live.evidence import EvidenceStore
from traces_core.live.grouped_calls import GroupedCalls
from traces_core.live.judging import scorer_of, threshold_for
from traces_core.live.ledger import BLOCK_S, Alarm, Ledger
from traces_core.live.replay import replay
from traces_core.live.settings import Camera
from traces_core.live.watch import CameraWatch
from traces_core.types import ScoreTrack
from traces_core.video import FrameBatch, read_frames

START_S = 1_700_000_040.0  # a whole minute
MINUTES = {int(START_S) - 60 * (n + 1): float(17 * n % 40) for n in range(40)}
"""Highest scores of minutes, of which neighbours are not alike."""


def camera(name: str = "gate", **how: Any) -> Camera:
    return Camera(name=name, source="/dev/video0", **{"context": "street", **how})


def watched(
    detector: Detector, ledger: Ledger, one: Camera, letters: list[tuple[str, str]] | None = None
) -> CameraWatch:
    def told(alarm: Alarm, kind: str) -> list[tuple[str, str, Mapping[str, Any]]]:
        if letters is not None:
            letters.append((alarm.id, kind))
        return [("page", kind, {"id": alarm.id})]

    project = detector.project
    builder = EvidenceBuilder(
        Encoders(project.clip, project.windows), project.settings.sampling.hop_frames, 4
    )
    watch = CameraWatch(one, builder, ledger, EvidenceStore(ledger.folder), told)
    watch.judge_by(detector, START_S)
    return watch


def pushed(
    watches: Mapping[str, CameraWatch], batches: Mapping[str, FrameBatch], sizes: list[int]
) -> dict[str, dict[str, ScoreTrack]]:
    """All frames of some cameras at once, in pieces of random sizes; tracks by camera and stream."""
    calls, pieces = GroupedCalls(16), {name: dict[str, list[ScoreTrack]]() for name in watches}
    at = 0
    for size in sizes:
        parts = {}
        for name, batch in batches.items():
            rows = slice(at, at + size)
            if len(batch.times_s[rows]):
                some = FrameBatch(batch.pixels[rows], batch.times_s[rows])
                parts[name] = (watches[name].look(some, calls), some)
        calls.run()
        for name, (part, some) in parts.items():
            if part is not None:
                for stream, track in watches[name].finished(part, some).items():
                    pieces[name].setdefault(stream, []).append(track)
        at += size
    return {name: {key: ScoreTrack.joined(some) for key, some in by.items()} for name, by in pieces.items()}


def frames_of(detector: Detector, path: Path, at_s: float = START_S) -> FrameBatch:
    fps = detector.project.settings.sampling.sample_fps
    [batch] = read_frames(path, sample_fps=fps)
    return FrameBatch(batch.pixels, batch.times_s + at_s)


@pytest.mark.parametrize("seed", range(3))
def test_cameras_that_share_the_encoders_have_the_scores_of_their_files(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path, seed: int
) -> None:
    names = {"gate": "whole", "yard": "half"}
    with_ledger = partial(watched, small_detector, Ledger(tmp_path))
    watches = {name: with_ledger(camera(name)) for name in names}
    batches = {name: frames_of(small_detector, fights[file]) for name, file in names.items()}
    sizes = np.random.default_rng(seed).integers(1, 5, 32).tolist()
    tracks = pushed(watches, batches, sizes)
    for name, file in names.items():
        scored = small_detector.score(fights[file], "street")
        for stream, track in scored.tracks.items():
            np.testing.assert_allclose(tracks[name][stream].times_s, track.times_s + START_S, atol=1e-6)
            np.testing.assert_allclose(tracks[name][stream].values, track.values, atol=1e-5)


def test_an_alarm_is_one_row_updated_in_place_with_its_reasons_its_picture_and_its_versions(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    ledger, letters = Ledger(tmp_path), list[tuple[str, str]]()
    ledger.set_threshold("gate", "late", -100.0, "to see it", START_S)
    watch = watched(small_detector, ledger, camera(), letters)
    pushed({"gate": watch}, {"gate": frames_of(small_detector, fights["whole"])}, [4] * 4)
    [alarm] = ledger.alarms()
    assert alarm.is_open
    assert alarm.start_s == START_S
    assert alarm.threshold == -100.0
    assert alarm.label in small_detector.judge.bank.classes
    nearest = alarm.reasons["anomalous"][0]
    assert nearest[2] == alarm.label
    assert nearest[1] == pytest.approx(max(row[1] for row in alarm.reasons["anomalous"]))
    assert alarm.versions["bank"] == small_detector.judge.bank.fingerprint
    assert (tmp_path / str(alarm.frame)).read_bytes().startswith(b"\xff\xd8")
    assert (tmp_path / alarm.reasons["map"]).read_bytes().startswith(b"\xff\xd8")
    watch.lose_sight(START_S + 10)
    watch.stay_blind(START_S + 60)
    [closed] = ledger.alarms()
    assert (closed.id, closed.is_open) == (alarm.id, False)
    assert closed.end_s == START_S + 10
    assert letters == [(alarm.id, "opened"), (alarm.id, "closed")]


def test_frames_of_before_what_was_given_up_are_not_scored_and_end_nothing(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    watch = watched(small_detector, Ledger(tmp_path), camera())
    watch.stay_blind(START_S + 60)
    late, in_time = (frames_of(small_detector, fights["half"], START_S + one) for one in (0, 60))
    assert watch.look(late, GroupedCalls(16)) is None
    pushed({"gate": watch}, {"gate": in_time}, [len(in_time)])
    assert watch.scored == len(in_time)


def test_a_black_picture_is_no_anomaly_and_its_score_is_unknown(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.set_threshold("gate", "late", -100.0, "to see it", START_S)
    watch = watched(small_detector, ledger, camera())
    seen = frames_of(small_detector, fights["half"])
    dark = FrameBatch(np.zeros_like(seen.pixels), seen.times_s + 60)
    later = FrameBatch(dark.pixels, dark.times_s + 10)
    pushed({"gate": watch}, {"gate": seen}, [len(seen)])
    assert watch.scores
    assert pushed({"gate": watch}, {"gate": later}, [len(later)]) is not None
    calls = GroupedCalls(16)
    last = FrameBatch(dark.pixels[:1], dark.times_s[:1] + 30)
    assert watch.look(last, calls) is None
    assert watch.finding is not None
    assert watch.finding.fault == "black"
    assert not watch.scores
    watch.stay_blind(START_S + 200)
    assert not ledger.open_alarms()


def test_only_blocks_that_were_seen_whole_are_kept(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    watch = watched(small_detector, ledger, camera())
    late = [
        ScoreTrack(np.array([at_s]), np.array([value], np.float32), stream="late")
        for at_s, value in (
            *((START_S + second, float(second % 7)) for second in range(61)),  # whole
            *((START_S + 60 + second, 9.0) for second in range(1, 30)),
            *((START_S + 60 + second, 9.0) for second in range(40, 61)),  # ten seconds are missing
            *((START_S + 120 + second, 1.0) for second in range(1, 61)),  # whole
        )
    ]
    for track in late:
        watch._keep({"late": track})
    watch.flush()
    assert ledger.blocks("gate", "late", 0) == [(int(START_S), 6.0), (int(START_S) + 2 * BLOCK_S, 9.0)]


def test_a_camera_with_a_catalog_of_its_own_is_compared_with_it_without_a_rebuild(
    small_detector: Detector, tmp_path: Path
) -> None:
    sentences = {"context": "dock", "scene": "A quiet dock.", "normal": ["A man walks along the dock."]}
    sentences |= {"anomalous": {"fight": ["Two men fight.", "People punch each other."]}}
    (tmp_path / "dock.yaml").write_text(json.dumps(sentences))
    judge, context = scorer_of(small_detector, camera(context=(), catalog=tmp_path))
    assert context == ("dock",)
    assert set(judge.bank.contexts) == {*small_detector.contexts, "dock"}
    with pytest.raises(CatalogError):
        scorer_of(small_detector, camera(context="lift", catalog=tmp_path))


def test_a_camera_of_a_context_that_the_bank_does_not_know_is_refused(small_detector: Detector) -> None:
    with pytest.raises(UnknownNameError):
        scorer_of(small_detector, camera(context="stret"))


def test_the_threshold_is_the_persons_then_the_cameras_own_then_the_graphs(
    small_detector: Detector, tmp_path: Path
) -> None:
    ledger, one = Ledger(tmp_path), camera(alarms_per_day=144.0)  # one in ten minutes
    graphs = small_detector.thresholds["late"].value
    found, why = threshold_for(small_detector, ledger, one, "late", START_S)
    assert found.value == graphs
    assert "of its own, nothing was seen yet" in why
    ledger.put_blocks("gate", "late", MINUTES)
    own, why = threshold_for(small_detector, ledger, one, "late", START_S)
    assert own.value == 38.0  # the second of forty: P(Bin(40, 0.1) >= 2) is 0.92
    assert "at most 144 alarms a day with 90 % confidence, by 40 blocks of 60 s" in why
    at_s = next(at_s for at_s, value in MINUTES.items() if value == 39.0)
    ledger.put_alarm(Alarm("x", "gate", "late", False, at_s + 5, at_s + 6, at_s + 5, 39.0, 1.0))
    ledger.mark("x", "real", "", START_S)
    assert threshold_for(small_detector, ledger, one, "late", START_S)[0].value == 37.0
    ledger.set_threshold("gate", "late", 0.5, "tried on the page", START_S)
    assert threshold_for(small_detector, ledger, one, "late", START_S)[0].value == 0.5


def test_the_past_judged_again_by_the_same_catalog_raises_what_it_did(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    seen = frames_of(small_detector, fights["whole"])
    watch = watched(small_detector, ledger, camera())
    tracks = pushed({"gate": watch}, {"gate": seen}, [4] * 4)["gate"]
    level = float(np.sort(np.asarray(tracks["late"].values))[-5])
    ledger.set_threshold("gate", "late", level, "in between", START_S)
    judged = watched(small_detector, ledger, camera())
    later = FrameBatch(seen.pixels, seen.times_s + 600)
    pushed({"gate": judged}, {"gate": later}, [4] * 4)
    judged.lose_sight(0.0)
    judged.stay_blind(START_S + 700)
    assert ledger.alarms()
    kept = EvidenceStore(tmp_path)
    again = replay(small_detector, ledger, kept, camera(), START_S + 500, START_S + 900)
    assert (again.lost, again.new) == ((), ())
    did = ledger.alarms(since_s=START_S + 500)
    assert [one.start_s for one in again.would] == [one.start_s for one in reversed(did)]
    assert again.hours * 3600 == pytest.approx(3.75, abs=0.3)
    ledger.set_threshold("gate", "late", 1e6, "never", START_S)
    silent = replay(small_detector, ledger, kept, camera(), START_S + 500, START_S + 900)
    assert len(silent.lost) == len(did)
    size = kept.cameras()["gate"][2]
    assert kept.shrink(size) == size
    assert kept.shrink(size - 1) < size
    kept.forget(camera="gate")
    assert not kept.cameras()


def test_another_detector_or_the_end_closes_what_is_on(
    small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.set_threshold("gate", "late", -100.0, "to see it", START_S)
    watch = watched(small_detector, ledger, camera())
    seen = frames_of(small_detector, fights["half"])
    pushed({"gate": watch}, {"gate": seen}, [len(seen)])
    assert len(ledger.open_alarms()) == 1
    watch.judge_by(small_detector, START_S)
    assert not ledger.open_alarms()
    pushed({"gate": watch}, {"gate": FrameBatch(seen.pixels, seen.times_s + 60)}, [len(seen)])
    assert len(ledger.open_alarms()) == 1
    watch.end()
    assert not ledger.open_alarms()
    assert ledger.scores("gate", "late", 0)


def test_a_threshold_set_by_hand_counts_at_once_and_the_cameras_own_once_an_hour(
    small_detector: Detector, tmp_path: Path
) -> None:
    ledger, one = Ledger(tmp_path), camera(alarms_per_day=144.0)
    watch = watched(small_detector, ledger, one)
    assert not watch.needs_another_threshold(small_detector, START_S - 60)
    ledger.put_blocks("gate", "late", MINUTES)
    assert not watch.needs_another_threshold(small_detector, START_S + 60)
    assert watch.needs_another_threshold(small_detector, START_S + 3700)
    watch.judge_by(small_detector, START_S + 3700)
    assert not watch.needs_another_threshold(small_detector, START_S + 7500)
    ledger.set_threshold("gate", "late", 0.5, "tried on the page", START_S)
    assert watch.needs_another_threshold(small_detector, START_S + 60)
    watch.judge_by(small_detector, START_S + 60)
    assert not watch.needs_another_threshold(small_detector, START_S + 120)
    ledger.set_threshold("gate", "late", None, "", START_S)
    assert watch.needs_another_threshold(small_detector, START_S + 120)
