"""DVC: a checkout is made, versioned, shared, lost and fetched by the real `dvc`, with a real remote."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from dvc_clone import ROOT, Clone, checkout, name_of

import pipelines.definitions  # noqa: F401  the graph
from pipelines.versioning import PACKED, dvc_revision, stages
from traces_core.store import Store

# The story is told within the first test that asks for it.
pytestmark = [pytest.mark.whole, pytest.mark.timeout(1800)]

STAGES = stages(ROOT)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The story: make, commit, try another k, go back, share, lose everything, fetch it, make it again."""
    here = checkout(tmp_path_factory.mktemp("dvc") / "clone")
    here.output["make"] = here.make()
    here.note("made", here.dvc("status"))
    here.git("add", ".")
    here.git("commit", "-q", "-m", "The first version")
    here.git("tag", "v1")
    here.scores["v1"] = current_scores(here)
    here.note("tried", here.dvc("exp", "run", "-S", "scoring.k=2", "benchmark"))
    here.output["status"] = here.dvc("status", "--with-deps", "benchmark")
    here.output["metrics"] = here.dvc("metrics", "diff", "--json")
    here.output["plots"] = here.dvc("plots", "diff", "--json")
    here.scores["v2"] = current_scores(here)
    Store(here.root / "data").prune()
    here.git("add", ".")
    here.git("commit", "-q", "-m", "Another k")
    here.git("checkout", "-q", "v1")
    here.dvc("checkout")
    here.output["looked"] = here.run("status")
    here.note("back", here.dvc("status"))
    here.scores["back"] = current_scores(here)
    here.dvc("remote", "add", "--default", "storage", str(here.root.parent / "remote"))
    here.output["push"] = here.dvc("push")
    for lost in ("data", ".dvc/cache"):
        shutil.rmtree(here.root / lost)
    here.output["pull"] = here.dvc("pull")
    here.make()
    here.note("fetched", here.dvc("status"))
    here.output["listed"] = here.dvc("ls", "-R", "--json", "--show-hash", ".", "data")
    return here


def current_scores(clone: Clone) -> dict[str, str | None]:
    """Which scores are current, video by video."""
    store = Store(clone.root / "data")
    return {key: store.pointer("video_scores", key) for key in store.keys("video_scores")}


BENCHMARK = [name for name in STAGES if name not in {"captions", "context_aware"}]
"""The stages that the benchmark rests on, itself among them."""


def test_what_a_job_made_dvc_need_not_make_again(clone: Clone) -> None:
    assert clone.computed["made"] == {name_of(key) for name in BENCHMARK for key in STAGES[name].assets()}
    assert clone.output["made"].strip().endswith("up to date.")


def test_another_k_runs_the_scores_and_what_comes_after(clone: Clone) -> None:
    assert re.findall("Running stage '(.*)'", clone.output["tried"]) == ["scores", "benchmark"]
    unchanged = re.findall("Stage '(.*)' didn't change", clone.output["tried"])
    assert unchanged == [name for name in BENCHMARK if name not in {"scores", "benchmark"}]
    assert clone.output["status"].strip().endswith("up to date.")


def test_an_older_version_comes_back_whole(clone: Clone) -> None:
    assert clone.scores["v1"] != clone.scores["v2"]
    assert clone.scores["back"] == clone.scores["v1"]
    made = {name_of(key) for name in BENCHMARK for key in STAGES[name].assets()}
    assert not made & set(clone.output["looked"].split())
    assert "has not been made" in clone.output["looked"]  # of the rest, which nobody made


def test_versions_are_compared_stream_by_stream(clone: Clone) -> None:
    compared = json.loads(clone.output["metrics"])["reports/metrics.json"]
    assert compared["appearance.auc"]["old"] != compared["appearance.auc"]["new"]
    drawn = clone.output["plots"]
    assert {"reports/plots/auc.json", "reports/plots/precision.csv", "reports/plots/scores.csv"} <= set(
        re.findall(r"reports/plots/\w+\.\w+", drawn)
    )


def test_after_a_pull_nothing_is_computed(clone: Clone) -> None:
    assert "pushed" in clone.output["push"]
    assert clone.computed["fetched"] == set()
    assert clone.output["fetched"].strip().endswith("up to date.")


def test_dagster_and_dvc_call_an_artifact_the_same(clone: Clone) -> None:
    lock = yaml.safe_load((clone.root / "dvc.lock").read_text())
    outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
    assert {out["path"]: dvc_revision(clone.root / out["path"]) for out in outs} == {
        out["path"]: out["md5"] for out in outs
    }
    kept = {one.get("md5") for one in json.loads(clone.output["listed"])}
    reported = [made for made in clone.materialized().values() if "dvc_revision" in made]
    assert len(reported) == len(clone.computed["made"])
    for made in reported:
        assert made["dvc_revision"] == dvc_revision(Path(made["file"]))
        assert made["dvc_revision"] in kept or Path(made["file"]).is_dir()


def test_the_stages_list_every_folder_of_the_store(clone: Clone) -> None:
    outs = {Path(out).name for stage in STAGES.values() for out in stage.outs if out.startswith("data/")}
    assert {folder.name for folder in (clone.root / "data").glob("[!.]*")} == outs


def test_dvc_sees_packs_and_not_a_file_or_three_for_every_video(clone: Clone) -> None:
    listed = Counter(Path(one["path"]).parts[0] for one in json.loads(clone.output["listed"]))
    videos = len(list((clone.root / "data" / "features").glob("*/current")))
    assert videos == 15
    assert {name: listed[name] for name in PACKED if listed[name]} == {
        "features": 2,  # one shard, and the list of what is in it
        "video_scores": 2,
        "practice_footage": 2,
        "benchmark_report": 2,
    }


def test_what_nobody_made_is_recorded_as_empty(clone: Clone) -> None:
    for name in ("captions", "context_aware"):
        assert f"recorded as empty: {name}" in " ".join(clone.output["make"].split())
        assert not [one for out in STAGES[name].outs for one in (clone.root / out).iterdir()]
