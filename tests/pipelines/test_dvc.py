"""DVC: dvc.yaml says what the graph says, and a checkout of it can be run, versioned, shared and compared.

The story of a whole checkout is in `test_dvc_clone`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dvc_clone import ROOT, name_of
from zc.lockfile import LockFile

from pipelines.definitions import defs
from pipelines.versioning import (
    PACKED,
    READ_FROM,
    RECORDED,
    Stage,
    VersioningError,
    _state,
    call_dvc,
    check_stage,
    commit,
    declared,
    is_recorded,
    is_wanted,
    stages,
    write_stages,
)
from traces_core.project import Project
from traces_core.settings import Machine, Settings, project_root
from traces_core.store import Store

GRAPH = defs.resolve_asset_graph()
STAGES = stages(ROOT)

UNVERSIONED = {"ablations", "inbox", "live", "ped2", "real_captions"}
"""Chapters that no stage makes: they rest on what is versioned, or on footage that not everybody has, or
are nobody else's business."""


@pytest.mark.parametrize("key", sorted(GRAPH.materializable_asset_keys), ids=name_of)
def test_every_asset_is_made_by_exactly_one_stage(key: dg.AssetKey) -> None:
    makers = [stage.name for stage in STAGES.values() if key in stage.assets()]
    chapter = GRAPH.get(key).tags["chapter"]
    if chapter in UNVERSIONED:
        assert makers == []
        return
    assert len(makers) == 1, (
        f"{name_of(key)} is made by {makers or 'no stage'}. In dvc.yaml, let one stage select "
        f"tag:chapter={chapter} and list data/{name_of(key)} under its outs; or add it to UNVERSIONED."
    )
    assert f"data/{name_of(key)}" in STAGES[makers[0]].outs, (
        f"dvc.yaml, {makers[0]}: add outs data/{name_of(key)}"
    )


@pytest.mark.parametrize(
    "stage", [stage for stage in STAGES.values() if stage.selection], ids=lambda s: s.name
)
def test_a_stage_says_what_its_assets_declare(stage: Stage) -> None:
    assert stage.assets(), f"dvc.yaml, {stage.name}: {stage.selection!r} selects nothing"
    wanted = declared(stage)
    remedy = f"dvc.yaml, {stage.name}: run `python -m pipelines.versioning stages`"
    assert list(stage.params) == wanted["params"], remedy
    assert [one for one in stage.deps if one.startswith("data/") or one in wanted["deps"]] == wanted[
        "deps"
    ], remedy
    assert [one for one in stage.outs if one.startswith("data/")] == wanted["outs"], remedy


def test_a_stage_reads_only_what_stages_above_it_made() -> None:
    made: set[str] = set()
    for stage in STAGES.values():
        assert not [dep for dep in stage.deps if dep.startswith("data/") and not _is_within(dep, made)]
        assert not made & set(stage.outs)
        made |= set(stage.outs)


def _is_within(path: str, folders: set[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def test_every_section_that_a_stage_names_stands_in_the_shipped_settings() -> None:
    named = {section for stage in STAGES.values() for section in stage.params}
    missing = named - set(yaml.safe_load((ROOT / "params.yaml").read_text()))
    assert not missing, f"DVC refuses a section that params.yaml lacks: add {sorted(missing)} there"


def test_the_stages_that_footage_and_captions_belong_to_exist() -> None:
    assert set(READ_FROM.values()) <= set(STAGES)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project in a checkout of its own, opened by a stage of DVC."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in [name for name in os.environ if name.startswith("TRACES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_STAGE", "features")
    monkeypatch.chdir(tmp_path)
    project_root.cache_clear()
    machine = Machine.here()
    yield Project(Store(machine.data), Settings.load(), machine)
    project_root.cache_clear()


@pytest.mark.parametrize(
    "change",
    ["data/thing/all/current", "dvc.lock", "params.yaml", "catalog/street.yaml", "traces_core/steps.py"],
)
def test_what_was_recorded_is_not_recorded_again_until_something_changes(
    project: Project, change: str
) -> None:
    root = project_root()
    for name in ("dvc.lock", "catalog/street.yaml", "traces_core/steps.py", "data/thing/all/current"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("as it was\n")
    assert not is_recorded(project)
    (root / RECORDED).parent.mkdir(parents=True)
    (root / RECORDED).write_text(_state(project))
    assert is_recorded(project)
    (root / change).write_text((root / change).read_text() + "# changed\n")
    assert not is_recorded(project)


def test_a_stage_refuses_a_profile_that_dvc_does_not_know(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_stage(project)  # as long as everything is where DVC looks
    monkeypatch.setenv("TRACES_PROFILE", "paper")
    with pytest.raises(VersioningError, match=r"TRACES_PROFILE is set, and DVC knows params\.yaml alone"):
        check_stage(project)
    monkeypatch.delenv("DVC_STAGE")
    check_stage(project)  # elsewhere a profile is as good as any


def test_a_stage_refuses_another_store(project: Project, tmp_path: Path) -> None:
    elsewhere = replace(project, machine=project.machine.model_copy(update={"data": tmp_path / "other"}))
    with pytest.raises(VersioningError, match="Unset TRACES_DATA"):
        check_stage(elsewhere)


@pytest.mark.parametrize(("setting", "stage"), sorted(READ_FROM.items()))
def test_a_stage_refuses_a_path_that_no_stage_depends_on(project: Project, setting: str, stage: str) -> None:
    named = replace(project, settings=project.settings.with_values(**{setting.replace(".", "__"): "filmed"}))
    with pytest.raises(VersioningError, match=f"stage {stage}, add to deps: filmed"):
        check_stage(named)
    tree = yaml.safe_load(Path("dvc.yaml").read_text())
    tree["stages"][stage]["deps"].append("filmed")
    Path("dvc.yaml").write_text(yaml.safe_dump(tree))
    check_stage(named)


def test_a_job_ends_with_dvc_where_dvc_versions_its_store(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = replace(project, machine=project.machine.model_copy(update={"data": tmp_path / "other"}))
    for name in (".git", ".dvc"):
        (tmp_path / name).mkdir()
    assert not is_wanted(project)  # DVC runs a stage, and records it by itself
    monkeypatch.delenv("DVC_STAGE")
    assert is_wanted(project)
    assert not is_wanted(elsewhere)
    monkeypatch.setenv("TRACES_DVC", "0")
    assert not is_wanted(project)
    monkeypatch.setenv("TRACES_DVC", "1")
    assert is_wanted(elsewhere)  # and is told why that is not possible
    with pytest.raises(VersioningError, match="Unset TRACES_DATA"):
        commit(elsewhere)
    monkeypatch.delenv("TRACES_DVC")
    (tmp_path / ".git").rmdir()
    assert not is_wanted(project)


def test_what_was_recorded_of_one_profile_is_not_replaced_by_another(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".git", ".dvc"):
        (tmp_path / name).mkdir()
    monkeypatch.delenv("DVC_STAGE")
    monkeypatch.setenv("TRACES_PROFILE", "site")
    (tmp_path / "params.site.yaml").write_text("scoring: {k: 2}")
    other = replace(project, machine=Machine.here())
    assert is_wanted(other)  # nothing is recorded yet: DVC follows the first
    (tmp_path / "dvc.lock").write_text("schema: '2.0'")
    assert not is_wanted(other)
    monkeypatch.delenv("TRACES_PROFILE")
    assert is_wanted(project)


def test_footage_of_a_profile_becomes_a_dependency(project: Project, tmp_path: Path) -> None:
    (tmp_path / "params.site.yaml").write_text("footage: {training: filmed, benchmark: not_there}")
    (tmp_path / "filmed").mkdir()
    write_stages(tmp_path, "site")
    features = stages(tmp_path)["features"]
    assert features.deps == ("data-site/code_versions/features.json", *STAGES["features"].deps[1:], "filmed")
    assert features.outs == tuple(out.replace("data/", "data-site/") for out in STAGES["features"].outs)
    tree = yaml.safe_load((tmp_path / "dvc.yaml").read_text())
    assert tree["stages"]["code"]["params"] == [{"params.site.yaml": None}]


def test_a_stage_that_only_selects_a_chapter_is_filled_in(project: Project, tmp_path: Path) -> None:
    tree = yaml.safe_load((tmp_path / "dvc.yaml").read_text())
    tree["stages"]["bank"] = {"cmd": tree["stages"]["bank"]["cmd"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    write_stages(tmp_path, "")
    assert stages(tmp_path)["bank"] == STAGES["bank"]


@pytest.mark.parametrize("name", sorted(PACKED))
def test_dvc_looks_at_no_part_of_what_is_packed(name: str) -> None:
    ignored = (ROOT / ".dvcignore").read_text().splitlines()
    assert {f"/data/{name}/*/", f"/data-*/{name}/*/"} <= set(ignored)
    assert len([line for line in ignored if line.endswith("/*/")]) == 2 * len(PACKED)


def test_everything_with_a_part_a_video_is_packed() -> None:
    kept = {name for stage in STAGES.values() for name in map(os.path.basename, stage.outs)}
    assets = {name_of(key) for stage in STAGES.values() for key in stage.assets()}
    items = kept - assets - {"code_versions", "plots"}
    assert items == set(PACKED) - {"practice_footage", "benchmark_report"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one stage, whose output has been made."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    root = tmp_path / "repository"
    (root / "out").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {make: {cmd: 'true', outs: [out: {persist: true}]}}")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    call_dvc(root, "init", "--quiet")
    return root


def _held_for(hold: AbstractContextManager[object], seconds: float) -> threading.Thread:
    """A thread that lets go of something after a while."""

    def keep() -> None:
        with hold:
            held.set()
            time.sleep(seconds)

    held = threading.Event()
    thread = threading.Thread(target=keep)
    thread.start()
    held.wait()
    return thread


@contextmanager
def _in_hand(root: Path) -> Iterator[None]:
    """DVC's own note that this process writes the output of the stage."""
    note = root / ".dvc" / "tmp" / "rwlock"
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    note.write_text(json.dumps({"write": {str(root / "out"): holder}, "read": {}}))
    yield
    note.write_text("{}")


def test_dvc_is_waited_for(repository: Path) -> None:
    # DVC by itself gives up after 3 seconds at its lock, and at once at a folder in another's hand.
    for hold in (closing(LockFile(repository / ".dvc" / "tmp" / "lock")), _in_hand(repository)):
        other = _held_for(hold, 6.0)
        call_dvc(repository, "commit", "--force")
        assert not other.is_alive()
    assert "make:" in (repository / "dvc.lock").read_text()


def test_what_dvc_says_is_in_the_error(repository: Path) -> None:
    with pytest.raises(VersioningError, match=r"dvc commit nothing, in .*nothing"):
        call_dvc(repository, "commit", "nothing")
