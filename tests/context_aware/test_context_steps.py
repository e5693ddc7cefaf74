"""The steps of the Context-Aware system on the small graph: made once, from normal footage alone."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from small_context import SMALL, footage_in, joined, learned_in, scored_in
from small_graph import made_bank

from traces_core.context_aware.calibration import ContextCalibration
from traces_core.detector.loading import block_encoder, context_scorer
from traces_core.errors import MixedSpacesError
from traces_core.project import Project
from traces_core.steps import context_aware, context_scores, grids
from traces_core.steps import footage as footage_step
from traces_core.steps.ablations import ladder
from traces_core.streams.episodes import EPISODES

STREAMS = ["alignment", "context_aware", "surprise"]


@pytest.fixture(scope="module")
def project(small_project: Project) -> Project:
    return small_project.variant(**SMALL)


def state_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_the_frozen_encoders_stay_in_eval_mode_with_weights_and_batch_norm_statistics(
    project: Project,
) -> None:
    fresh = project.variant(joint__seed=5, predictor__seed=5)
    modules = [fresh.clip._model, fresh.windows._model, block_encoder(fresh)._model]
    before = [state_of(module) for module in modules]
    assert any(name.endswith("running_mean") for name in before[0])
    learned = learned_in(fresh)
    assert learned.computed
    for module, state in zip(modules, before, strict=True):
        after = module.state_dict()
        assert all(torch.equal(after[name], value) for name, value in state.items())
        assert not any(part.training for part in module.modules())


def test_each_stream_is_scored_and_nothing_is_made_twice(project: Project) -> None:
    first = ladder.streams_of(project, "model")
    assert sorted(first) == STREAMS
    assert all(0 <= row["auc"] <= 1 and row["causal"] for row in first.values())
    again = project.variant()
    start = len(again.store.log)
    assert ladder.streams_of(again, "model") == first
    assert not [one.name for one in again.store.log[start:] if one.computed]


def test_only_normal_training_footage_has_patch_grids(project: Project) -> None:
    practice, videos = footage_in(project)
    shards = footage_step.shard_names(project.settings.footage.shards)
    have = set(joined([grids.patch_grids(project, practice, videos, one) for one in shards])["video_id"])
    rows = videos.read()
    training = rows.filter((pl.col("set") == "training") & pl.col("video_id").is_in(list(have)))["video"]
    assert len(training) == 6
    assert all("walk" in name or "empty" in name for name in training)
    assert set(rows.filter(pl.col("set") != "training")["video_id"]) <= have


def test_the_predictor_is_a_part_of_what_is_learned_jointly(project: Project) -> None:
    before = learned_in(project)
    after = learned_in(project.variant(predictor__seed=3))
    assert before.fingerprint != after.fingerprint
    training = json.loads((before.path / "training.json").read_text())
    assert training["curve"][0]["validation_prediction"] > 0


@pytest.mark.parametrize("changed", [{"sides": "both"}, {"scene": "generic"}, {"scene": "mismatched"}])
def test_the_controls_of_the_gate_train_nothing(project: Project, changed: dict[str, str]) -> None:
    main = learned_in(project)
    named = {f"context_gate__{name}": value for name, value in changed.items()}
    assert learned_in(project.variant(**named)).recipe == main.recipe


@pytest.mark.parametrize("changed", [{"context_gate__kind": "film"}, {"joint__alpha": 0.9}])
def test_what_is_learned_differs_with_what_it_is_learned_by(project: Project, changed: dict) -> None:
    assert learned_in(project.variant(**changed)).recipe != learned_in(project).recipe


def test_the_nearest_normal_traces_stand_in_for_captions(project: Project) -> None:
    pseudo = project.variant(joint__captions="nearest")
    practice, videos = footage_in(pseudo)
    index, bank = made_bank(pseudo)
    normal_videos = footage_step.normal_of_training(pseudo, practice, videos)
    corpus, _ = context_aware._joint_corpus(pseudo, normal_videos, pl.DataFrame(), index)
    normal = {
        str(one): v
        for one, v in zip(
            bank.trace_ids("normal", ["street"]), bank.vectors("normal", ["street"]), strict=True
        )
    }
    for video in corpus.videos:
        for event, seen in zip(video.events, video.views.appearance, strict=True):
            nearest = max(normal, key=lambda one: float(normal[one] @ seen))
            assert event == nearest
    assert learned_in(pseudo).recipe != learned_in(project).recipe


def test_another_network_may_see_the_scene(project: Project) -> None:
    other = project.variant(context_gate__scene_network="pocket-1")
    practice, videos = footage_in(other)
    video_id = footage_step.normal_of_training(other, practice, videos)["video_id"][0]
    assert learned_in(other).recipe != learned_in(project).recipe
    ours, theirs = (grids.views_of(one, video_id).scenes for one in (project, other))
    assert np.abs(ours - theirs).max() > 0.01


def test_a_model_is_of_no_use_to_another_scene_network(project: Project) -> None:
    index, _ = made_bank(project)
    other = project.variant(context_gate__scene_network="pocket-1")
    with pytest.raises(MixedSpacesError, match="scene_encoder"):
        context_scorer(other, learned_in(project), index)


def test_an_alarm_says_which_stream_mismatches(project: Project) -> None:
    _, videos = footage_in(project)
    scores = scored_in(project)
    calibrated = context_scores.context_aware_thresholds(project, videos, scores)
    alarms = pl.concat(
        [context_scores.context_aware_alarms(project, videos, one, calibrated).read() for one in scores]
    )
    assert alarms.schema == EPISODES
    assert len(alarms) > 0
    assert set(alarms["because"]) <= {"alignment", "surprise", "alignment+surprise"}
    by_scene = calibrated.read()["by_scene"]
    assert set(by_scene) == {"alignment", "surprise"}
    assert set(by_scene["alignment"]) == {"", "street"}  # the one scene with normal footage
    calibration = ContextCalibration.load(calibrated)
    normal, thresholds = calibration.normal, calibration.thresholds
    level = thresholds["surprise"].value
    raw = by_scene["surprise"]["street"]["threshold"]
    assert -normal.scale("surprise", "street").log_p(np.array([raw]))[0] / np.log(10) == pytest.approx(level)


def test_the_ladder_has_a_row_for_each_rung_and_begins_with_clip_alone(project: Project) -> None:
    rows = ladder.ladder(project)
    assert [row["variant"] for row in rows] == list(ladder.RUNGS)
    assert all(row["stream"] == "context_aware" and row["seed"] == 0 for row in rows)
    assert ["auc_surprise" in row for row in rows] == [False, False, True, True, True]
    rungs = ladder.ladder_report(rows)["rows"]
    assert [row["rung"] for row in rungs] == list(ladder.RUNGS)
    assert all({"auc_mean", "auc_std", "seeds", "average_precision_mean"} <= set(row) for row in rungs)
    assert rungs[1]["gain"] == pytest.approx(rungs[1]["auc_mean"] - rungs[0]["auc_mean"])
