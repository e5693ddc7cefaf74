"""What scores of a user's own footage are called: by its name, and by what the encoders know of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from traces_core.detector.own_footage import (
    data_set_name,
    encoders_of,
    is_practice,
    notices,
    pocket_encoders,
    threshold_source,
)
from traces_core.encoders.evidence import ENCODERS
from traces_core.project import Project
from traces_core.report import POCKET_NOTICE
from traces_core.settings import Settings
from traces_core.store import Store
from traces_core.streams.table import STREAMS, Kind

POCKET = Settings(corpus={"contexts": ["street"]})
FULL = POCKET.with_values(clip__model="ViT-B-16", timesformer__model="a/timesformer")
MIXED = POCKET.with_values(timesformer__model="a/timesformer")


def test_of_every_kind_of_evidence_the_encoders_are_known() -> None:
    assert set(ENCODERS) == set(get_args(Kind))
    assert all(encoders_of(name) for name in STREAMS)


def test_scores_of_ones_own_footage_are_said_to_mean_nothing_and_what_does() -> None:
    [notice] = notices(POCKET, STREAMS, of_practice=False)
    assert notice.startswith("These encoders (pocket-0) have never seen real video: the scores of late,")
    assert all(name in notice for name in STREAMS)
    assert "what does: captions by a VLM" in notice
    assert notice.endswith("next: docs/full-size.md")


def test_a_stream_whose_encoders_are_full_size_is_not_said_to_mean_nothing() -> None:
    [notice] = notices(MIXED, STREAMS, of_practice=False)
    blind, means = notice.split(" mean nothing here; what does: ")
    assert "surprise" in means
    assert "surprise" not in blind
    assert "appearance" in blind
    assert pocket_encoders(MIXED) == {"clip": "pocket-0"}


def test_practice_footage_has_the_notice_that_it_had_and_full_size_encoders_none() -> None:
    assert notices(POCKET, STREAMS, of_practice=True) == [POCKET_NOTICE]
    assert notices(FULL, STREAMS, of_practice=False) == []


def test_a_set_is_called_as_its_folder(tmp_path: Path) -> None:
    own = POCKET.with_values(footage__benchmark=str(tmp_path / "north gate"), footage__calibration="calm")
    assert data_set_name(own, "benchmark") == "north gate"
    assert threshold_source(own) == "threshold comes from the normal footage in calm"
    assert "practice world" in threshold_source(POCKET)


@pytest.mark.parametrize("lies", ["practice_footage/all/0123/benchmark", "inbox", "practice_footage2/all"])
def test_the_practice_world_is_known_by_where_a_video_lies(lies: str, tmp_path: Path, small_detector) -> None:
    project: Project = replace(small_detector.project, store=Store(tmp_path))
    assert is_practice(project, tmp_path / lies / "a.mp4") == lies.startswith("practice_footage/")
