"""DVC follows a profile as it follows params.yaml, and an older version of the data comes back whole."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml
from dvc_clone import ROOT, Clone, checkout, name_of

import pipelines.definitions  # noqa: F401  the graph
from pipelines.stages import followed, stages, write_stages
from traces_core.store import Store

pytestmark = pytest.mark.timeout(1800)  # the story is told within the first test that asks for it

PROFILE = "site"
NOT_MADE = {"captions", "context_aware"}
"""Stages that the result does not rest on: `make demo` leaves them out."""


def current_scores(clone: Clone) -> dict[str, str | None]:
    """Which scores are current, video by video."""
    store = Store(clone.root / f"data-{PROFILE}")
    return {key: store.pointer("video_scores", key) for key in store.keys("video_scores")}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The story of a profile: make it, try another k, go back, share it, lose everything, fetch it."""
    here = checkout(tmp_path_factory.mktemp("dvc") / "clone")
    (here.root / f"params.{PROFILE}.yaml").write_text(yaml.safe_dump({"scoring": {"k": 2}}))
    here.output["make"] = here.make(TRACES_PROFILE=PROFILE)
    here.note("made", here.dvc("status"))
    here.scores["v1"] = current_scores(here)
    here.git("add", ".")
    here.git("commit", "-q", "-m", "The first version")
    here.git("tag", "v1")
    here.note("tried", here.dvc("exp", "run", "-S", f"params.{PROFILE}.yaml:scoring.k=4", "benchmark"))
    here.output["diff"] = here.dvc("metrics", "diff", "--json")
    here.output["params"] = here.dvc("params", "diff", "--json")
    here.scores["v2"] = current_scores(here)
    Store(here.root / f"data-{PROFILE}").prune()
    here.git("add", ".")
    here.git("commit", "-q", "-m", "Another k")
    here.git("checkout", "-q", "v1")
    here.dvc("checkout")
    here.output["looked"] = here.run("status", TRACES_PROFILE=PROFILE)
    here.note("back", here.dvc("status"))
    here.scores["back"] = current_scores(here)
    here.dvc("remote", "add", "--default", "storage", str(here.root.parent / "remote"))
    here.dvc("push")
    for lost in (f"data-{PROFILE}", ".dvc/cache"):
        shutil.rmtree(here.root / lost)
    here.dvc("pull")
    here.make(TRACES_PROFILE=PROFILE)
    here.note("fetched", here.dvc("status"))
    return here


def test_a_profile_is_up_to_date_once_it_is_made(clone: Clone) -> None:
    assert clone.output["made"].strip() == "Data and pipelines are up to date."
    assert "DVC recorded code, corpus, bank" in clone.output["make"]
    assert clone.computed["made"]
    lock = yaml.safe_load((clone.root / "dvc.lock").read_text())
    outs = {out["path"].split("/")[0] for stage in lock["stages"].values() for out in stage["outs"]}
    assert outs == {f"data-{PROFILE}", f"reports-{PROFILE}"}


def test_the_numbers_of_a_profile_are_in_git(clone: Clone) -> None:
    kept = clone.git("ls-files", f"reports-{PROFILE}").split()
    assert f"reports-{PROFILE}/metrics.json" in kept
    assert f"reports-{PROFILE}/plots/scores.csv" in kept
    assert not [name for name in kept if "/benchmark" in name]


def test_a_setting_of_a_profile_runs_what_depends_on_it_alone(clone: Clone) -> None:
    assert re.findall("Running stage '(.*)'", clone.output["tried"]) == ["code", "scores", "benchmark"]
    assert "reports-site/metrics.json" in clone.output["diff"]
    assert '"scoring.k"' in clone.output["params"]
    assert clone.scores["v1"] != clone.scores["v2"]


def test_an_older_version_comes_back_whole(clone: Clone) -> None:
    assert clone.scores["back"] == clone.scores["v1"]
    known = stages(ROOT)
    made = {name_of(key) for name in known.keys() - NOT_MADE for key in known[name].assets()}
    assert not made & set(clone.output["looked"].split())
    assert "has not been made" in clone.output["looked"]  # of the rest, which nobody made


def test_after_a_plain_pull_of_a_profile_nothing_is_computed(clone: Clone) -> None:
    assert clone.computed["fetched"] == set()
    assert clone.output["fetched"].strip() == "Data and pipelines are up to date."


def test_another_profile_leaves_alone_what_dvc_follows(clone: Clone) -> None:
    before = (clone.root / "dvc.yaml").read_bytes()
    assert followed(clone.root) == PROFILE
    write_stages(clone.root, "")
    assert followed(clone.root) == ""
    assert stages(clone.root)["benchmark"].outs == stages(ROOT)["benchmark"].outs
    write_stages(clone.root, PROFILE)
    assert (clone.root / "dvc.yaml").read_bytes() == before
