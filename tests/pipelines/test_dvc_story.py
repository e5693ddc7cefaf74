"""DVC follows a profile as it follows params.yaml."""

from __future__ import annotations

import re

import pytest
import yaml
from dvc_clone import ROOT, Clone, checkout

import pipelines.definitions  # noqa: F401  the graph
from pipelines.stages import followed, stages, write_stages

# The story is told within the first test that asks for it.
pytestmark = [pytest.mark.whole, pytest.mark.timeout(1800)]

PROFILE = "site"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The story of a profile: make it, try another k. Going back and sharing is in `test_dvc_clone`."""
    here = checkout(tmp_path_factory.mktemp("dvc") / "clone")
    (here.root / f"params.{PROFILE}.yaml").write_text(yaml.safe_dump({"scoring": {"k": 2}}))
    here.output["make"] = here.make(TRACES_PROFILE=PROFILE)
    here.note("made", here.dvc("status"))
    here.git("add", ".")
    here.git("commit", "-q", "-m", "The first version")
    here.note("tried", here.dvc("exp", "run", "-S", f"params.{PROFILE}.yaml:scoring.k=4", "benchmark"))
    here.output["diff"] = here.dvc("metrics", "diff", "--json")
    here.output["params"] = here.dvc("params", "diff", "--json")
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


def test_another_profile_leaves_alone_what_dvc_follows(clone: Clone) -> None:
    before = (clone.root / "dvc.yaml").read_bytes()
    assert followed(clone.root) == PROFILE
    write_stages(clone.root, "")
    assert followed(clone.root) == ""
    assert stages(clone.root)["benchmark"].outs == stages(ROOT)["benchmark"].outs
    write_stages(clone.root, PROFILE)
    assert (clone.root / "dvc.yaml").read_bytes() == before
