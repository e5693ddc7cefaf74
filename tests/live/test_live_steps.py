"""What the ledger knows of a camera, as artifacts: finished days only, changed by days and marks alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import defs
from traces_core.detector.detector import Detector
from traces_core.live.evidence import EvidenceStore
from traces_core.live.ledger import Alarm, CameraState, Ledger
from traces_core.project import Project
from traces_core.steps import live
from traces_core.store import Store

DAY = 86400
NOON = 20_000 * DAY + DAY // 2


@pytest.fixture
def watched(
    small_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Project, Ledger]:
    monkeypatch.setenv("TRACES_LIVE", str(tmp_path / "live"))
    ledger = Ledger(tmp_path / "live")
    ledger.say_state(CameraState("gate", "rtsp://h", "running", NOON))
    for day in range(3):
        at_s = NOON - day * DAY
        ledger.put_blocks("gate", "late", {at_s: 1.0 + day, at_s + 60: 0.5})
        ledger.put_alarm(Alarm(f"a{day}", "gate", "late", False, at_s, at_s + 9, at_s + 1, 3.0, 2.0, "fight"))
    return replace(small_project, store=Store(tmp_path / "data")), ledger


def test_a_day_is_read_once_it_is_over(watched: tuple[Project, Ledger]) -> None:
    project, _ = watched
    today = live.camera_scores(project, "gate", now_s=NOON + 600)
    assert today.read()["day"].unique().sort().to_list() == [date(2024, 10, 2), date(2024, 10, 3)]
    assert today.read()["highest"].to_list() == [3.0, 0.5, 2.0, 0.5]
    later = live.camera_scores(project, "gate", now_s=NOON + 1200)
    assert not later.computed
    tomorrow = live.camera_scores(project, "gate", now_s=NOON + DAY)
    assert tomorrow.computed
    assert len(tomorrow.read()) == 6


def test_alarms_are_episodes_as_in_the_graph(watched: tuple[Project, Ledger]) -> None:
    project, _ = watched
    rows = live.camera_episodes(project, "gate", now_s=NOON + DAY).read().to_dicts()
    assert [row["start_s"] for row in rows] == [NOON - 2 * DAY, NOON - DAY, NOON]
    assert (rows[0]["video"], rows[0]["label"], rows[0]["peak_score"]) == ("gate", "fight", 3.0)


def test_a_mark_changes_the_marks_and_nothing_else(watched: tuple[Project, Ledger]) -> None:
    project, ledger = watched
    before = live.history_stamp(project.machine, "gate", NOON)
    assert live.camera_marks(project, "gate", now_s=NOON).read().is_empty()
    episodes = live.camera_episodes(project, "gate", now_s=NOON)
    assert ledger.mark("a1", "real", "a fight indeed", NOON)
    assert live.history_stamp(project.machine, "gate", NOON) != before
    [row] = live.camera_marks(project, "gate", now_s=NOON).read().to_dicts()
    assert (row["alarm"], row["mark"], row["note"]) == ("a1", "real", "a fight indeed")
    assert live.camera_episodes(project, "gate", now_s=NOON).fingerprint == episodes.fingerprint


def test_a_detector_is_tried_on_what_the_cameras_saw(
    watched: tuple[Project, Ledger], small_detector: Detector, fights: dict[str, Path]
) -> None:
    project, ledger = watched
    assert live.replayed(small_detector, project.machine, NOON) == []
    features = small_detector.score(fights["whole"], "street").features
    seen = features.evidence()
    fused = small_detector.judge.fused_vectors(seen.window_frames, seen.tokens)
    at_s = NOON - 3 * DAY
    moved = replace(seen, frame_times_s=seen.frame_times_s + at_s, window_times_s=seen.window_times_s + at_s)
    EvidenceStore(ledger.folder).put("gate", moved, fused)
    ledger.set_threshold("gate", "late", -100.0, "everything", NOON)
    facts = {"contexts": ["street"], "has_catalog": False}
    ledger.say_state(CameraState("gate", "rtsp://h", "running", NOON, facts=facts))
    [row] = live.replayed(small_detector, project.machine, NOON)
    assert (row["camera"], row["would"]) == ("gate", 1)


def test_where_nothing_was_watched_no_camera_is_known(
    small_project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRACES_LIVE", str(tmp_path / "nowhere"))
    assert live.cameras_known(small_project.machine) == []
    assert not (tmp_path / "nowhere").exists()


def test_dagster_makes_a_camera_as_a_partition(watched: tuple[Project, Ledger]) -> None:
    del watched
    graph = defs.resolve_asset_graph()
    keys = {
        key.to_user_string()
        for key in graph.materializable_asset_keys
        if graph.get(key).tags["chapter"] == "live"
    }
    assert keys == {"camera_scores", "camera_episodes", "camera_marks"}
    assert all(
        isinstance(graph.get(dg.AssetKey(key)).partitions_def, dg.DynamicPartitionsDefinition) for key in keys
    )
