"""The store: computes a thing once, and never takes half a file for a whole one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from traces_core.errors import CorruptArtifactError, MissingArtifactError
from traces_core.store import Artifact, Store

TABLE = pl.DataFrame({"name": ["a", "b", "c"] * 50, "value": [1.5, 2.5, None] * 50})
VALUES = {
    "table": TABLE,
    "arrays": {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.arange(3)},
    "json": {"rows": [1, 2.5, None], "name": "ä"},
}


class Maker:
    """Counts how often it is asked."""

    def __init__(self, value: Any = None) -> None:
        self.value = {"n": 1} if value is None else value
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        return self.value


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def kept(
    store: Store, make: Callable[[], Any], *, key: str = "all", code: str = "c", **made_from: Any
) -> Artifact:
    return store.remember("thing", key, code=code, made_from=made_from, make=make)


def folder_of(path: Path, text: str = "1") -> Path:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "one.txt").write_text(text)
    return path


@pytest.mark.parametrize("kind", VALUES)
def test_an_unchanged_recipe_is_not_computed_twice(store: Store, kind: str) -> None:
    make = Maker(VALUES[kind])
    first, second = kept(store, make, k=5), kept(Store(store.root), make, k=5)
    assert make.calls == 1
    assert (first.computed, second.computed) == (True, False)
    assert first.fingerprint == second.fingerprint
    assert first.path == second.path


def test_what_was_kept_is_read_back_as_it_was(store: Store) -> None:
    values = {name: kept(store, Maker(value), key=name).read() for name, value in VALUES.items()}
    assert values["table"].equals(TABLE)
    assert values["json"] == VALUES["json"]
    for name, array in VALUES["arrays"].items():
        np.testing.assert_array_equal(values["arrays"][name], array)


@pytest.mark.parametrize(
    "change", [{"code": "d"}, {"k": 6}, {"input": "other"}, {"key": "part"}, {"new_setting": None}]
)
def test_a_changed_input_setting_part_or_code_is_computed(store: Store, change: dict[str, Any]) -> None:
    make = Maker()
    asked = {"k": 5, "input": "one"}
    kept(store, make, **asked)
    assert kept(store, make, **{**asked, **change}).computed
    assert make.calls == 2


def test_going_back_to_an_earlier_setting_finds_the_earlier_artifact(store: Store) -> None:
    make = Maker()
    first = kept(store, make, k=5)
    kept(store, make, k=6)
    assert not kept(store, make, k=5).computed
    assert store.current("thing").recipe == first.recipe


DAMAGE: dict[str, Callable[[Path], object]] = {
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x00"),
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", VALUES)
def test_a_file_that_is_not_the_one_written_is_computed_again(store: Store, kind: str, damage: str) -> None:
    make = Maker(VALUES[kind])
    before = kept(store, make)
    DAMAGE[damage](before.path)
    with pytest.raises(CorruptArtifactError, match="materialize again"):
        store.current("thing")
    after = kept(store, make)
    assert after.computed
    assert make.calls == 2
    assert after.fingerprint == before.fingerprint
    assert not kept(store, make).computed


@pytest.mark.parametrize("damage", ["cut short", "emptied", "deleted"])
def test_a_recipe_file_that_is_damaged_counts_as_nothing_made(store: Store, damage: str) -> None:
    make = Maker()
    artifact = kept(store, make)
    DAMAGE[damage](artifact.path.with_name(f"{artifact.recipe}.recipe.json"))
    assert kept(store, make).computed
    assert store.current("thing").read() == {"n": 1}


def test_a_folder_with_a_changed_file_is_written_again(store: Store) -> None:
    def keep() -> Artifact:
        return store.remember_path("thing", code="c", made_from={}, write=folder_of)

    before = keep()
    (before.path / "deep" / "one.txt").write_text("2")
    (before.path / "stray.txt").write_text("?")
    after = keep()
    assert after.computed
    assert after.fingerprint == before.fingerprint
    assert sorted(path.name for path in after.path.rglob("*")) == ["deep", "one.txt"]


def test_the_small_facts_of_a_maker_are_kept_beside_what_it_made(store: Store) -> None:
    def write(path: Path) -> tuple[Path, dict[str, int]]:
        return folder_of(path), {"pages": 3}

    for expected in (True, False):
        artifact = store.remember_path("thing", code="c", made_from={}, write=write)
        assert (artifact.computed, artifact.facts) == (expected, {"pages": 3})


@pytest.mark.parametrize("error", [ValueError("no such word"), OSError(28, "No space left on device")])
def test_a_maker_that_raises_leaves_nothing(store: Store, error: Exception) -> None:
    def write(path: Path) -> Path:
        path.with_suffix(".json").write_text('{"half":')
        raise error

    with pytest.raises(type(error)):
        store.remember_path("thing", code="c", made_from={}, write=write)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []
    with pytest.raises(MissingArtifactError):
        store.current("thing")
    assert store.remember_path("thing", code="c", made_from={}, write=folder_of).computed


KILLED = """
import sys, time
from pathlib import Path
from traces_core.store import Store

def write(path):
    path = path.with_suffix(".json")
    path.write_text('{"half": ')
    print("half written", flush=True)
    time.sleep(60)
    return path

Store(Path(sys.argv[1])).remember_path("thing", code="c", made_from={}, write=write)
"""


def test_what_a_killed_writer_left_is_never_taken_for_an_artifact(store: Store) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, store.root], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half written\n"
        writer.send_signal(signal.SIGKILL)
    with pytest.raises(MissingArtifactError):
        store.recall("thing", code="c", made_from={})
    make = Maker({"whole": True})
    assert store.remember("thing", code="c", made_from={}, make=make).computed
    assert store.current("thing").read() == {"whole": True}


@pytest.mark.parametrize("kind", ["table", "folder"])
def test_two_who_make_the_same_at_once_end_with_one_intact_artifact(store: Store, kind: str) -> None:
    at_once = threading.Barrier(2, timeout=30)
    errors: list[Exception] = []

    def write(path: Path) -> Path:
        at_once.wait()
        if kind == "folder":
            return folder_of(path)
        TABLE.write_parquet(path.with_suffix(".parquet"))
        return path.with_suffix(".parquet")

    def one() -> None:
        try:
            Store(store.root).remember_path("thing", code="c", made_from={}, write=write)
        except Exception as error:
            errors.append(error)

    both = [threading.Thread(target=one) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert errors == []
    assert store.current("thing").path.exists()
    left = sorted(path.name for path in (store.root / "thing" / "all").iterdir())
    assert len(left) == 3, left


def test_what_another_has_made_meanwhile_stays_for_those_who_read_it(store: Store) -> None:
    """A folder cannot be replaced in one step: for a moment it would be gone."""
    published: list[int] = []

    def write(path: Path) -> Path:
        first = Store(store.root).remember_path("thing", code="c", made_from={}, write=folder_of)
        published.append(first.path.stat().st_ino)
        return folder_of(path)

    second = store.remember_path("thing", code="c", made_from={}, write=write)
    assert second.path.stat().st_ino == published[0]
    assert not second.computed
    assert store.current("thing").fingerprint == second.fingerprint


def test_a_shelf_aside_adds_but_makes_nothing_current(store: Store) -> None:
    main = kept(store, Maker({"n": 1}), k=5)
    make = Maker({"n": 2})
    variant = kept(store.aside(), make, k=6)
    assert variant.computed
    assert store.current("thing").recipe == main.recipe
    assert not kept(store.aside(), make, k=6).computed
    assert not kept(store, make, k=6).computed
    assert store.current("thing").recipe == variant.recipe


def test_a_shelf_aside_finds_what_the_main_one_made(store: Store) -> None:
    kept(store, Maker(), k=5)
    assert not kept(store.aside(), Maker(), k=5).computed


def test_prune_sweeps_what_a_killed_writer_left_and_spares_a_living_one(store: Store) -> None:
    kept(store, Maker(VALUES["table"]), k=1)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    dead = store.root / "thing" / "all" / f".making-{ended.pid}-0a1b2c3d"
    living = store.root / "thing" / "all" / f".making-{os.getpid()}-0a1b2c3d"
    for scratch in (dead, living):
        scratch.mkdir(parents=True)
        (scratch / "half.parquet").write_bytes(b"12345")
    assert store.prune() == 5
    assert not dead.exists()
    assert living.exists()


def test_prune_deletes_what_is_not_current_and_says_how_much(store: Store) -> None:
    old = kept(store, Maker(VALUES["table"]), k=1)
    new = kept(store, Maker(VALUES["arrays"]), k=2)
    folder = store.aside().remember_path("pages", code="c", made_from={}, write=folder_of)
    size = sum(
        path.stat().st_size
        for one in (old, folder)
        for path in one.path.parent.rglob("*")
        if path.is_file() and one.recipe in str(path)
    )
    assert store.prune() == size
    assert not old.path.exists()
    assert not folder.path.exists()
    assert store.current("thing").fingerprint == new.fingerprint
    assert kept(store, Maker(VALUES["table"]), k=1).computed
    assert not kept(store, Maker(VALUES["arrays"]), k=2).computed


def test_what_prune_would_free_is_counted_by_name_and_nothing_is_touched(store: Store) -> None:
    for k in range(3):
        kept(store, Maker(VALUES["table"]), k=k)
    before = sorted(store.root.rglob("*"))
    [unused] = store.unused()
    assert (unused.name, unused.files) == ("thing", 4)  # two artifacts, two recipes
    assert sorted(store.root.rglob("*")) == before
    assert store.prune() == unused.bytes
    assert store.unused() == []


def test_prune_leaves_a_part_alone_that_a_running_process_writes(store: Store) -> None:
    for k in range(2):
        kept(store, Maker(VALUES["table"]), k=k)
    scratch = store.root / "thing" / "all" / f".making-{os.getpid()}-0a1b2c3d"
    scratch.mkdir()
    assert store.prune() == 0
    scratch.rmdir()
    assert store.prune() > 0


def test_pruning_twice_frees_nothing_more(store: Store) -> None:
    for k in range(3):
        kept(store, Maker(), k=k)
    assert store.prune() > 0
    assert store.prune() == 0


def test_the_fingerprint_of_a_table_is_of_its_content_and_not_of_its_bytes(store: Store) -> None:
    def write(compression: Any, rows: pl.DataFrame) -> Artifact:
        def to(path: Path) -> Path:
            path = path.with_suffix(".parquet")
            rows.write_parquet(path, compression=compression)
            return path

        made_from = {"compression": compression, "rows": rows.write_ndjson(), "schema": str(rows.schema)}
        return store.remember_path("thing", code="c", made_from=made_from, write=to)

    small, plain = write("zstd", TABLE), write("uncompressed", TABLE)
    assert small.path.read_bytes() != plain.path.read_bytes()
    assert small.fingerprint == plain.fingerprint
    assert write("zstd", TABLE.reverse()).fingerprint != small.fingerprint
    assert write("zstd", TABLE.cast({"value": pl.Float32})).fingerprint != small.fingerprint


def test_recall_gives_the_artifact_of_a_recipe_without_making_anything(store: Store) -> None:
    made = kept(store, Maker(), k=5)
    assert store.recall("thing", code="c", made_from={"k": 5}).recipe == made.recipe
    with pytest.raises(MissingArtifactError, match="make demo"):
        store.recall("thing", code="c", made_from={"k": 6})


def test_recall_does_not_give_what_is_no_longer_intact(store: Store) -> None:
    os.truncate(kept(store, Maker()).path, 1)
    with pytest.raises(MissingArtifactError):
        store.recall("thing", code="c", made_from={})


def test_what_was_never_made_is_missing_and_named_with_its_part(store: Store) -> None:
    with pytest.raises(MissingArtifactError, match="thing is not in"):
        store.current("thing")
    with pytest.raises(MissingArtifactError, match=r"thing \[street\]"):
        store.current("thing", "street")


def test_keys_are_those_of_current_parts_and_a_forgotten_part_is_none(store: Store) -> None:
    for key in ("street", "shop"):
        kept(store, Maker(), key=key)
    kept(store.aside(), Maker(), key="plaza")
    assert store.keys("thing") == ["shop", "street"]
    store.forget("thing", "shop")
    store.forget("thing", "never_there")
    assert store.keys("thing") == ["street"]
    assert not kept(store, Maker(), key="shop").computed
    assert store.keys("nothing") == []


@pytest.mark.parametrize("kind", VALUES)
def test_an_artifact_that_breaks_after_it_was_loaded_is_refused_when_it_is_read(
    store: Store, kind: str
) -> None:
    artifact = kept(store, Maker(VALUES[kind]))
    os.truncate(artifact.path, artifact.path.stat().st_size // 2)
    with pytest.raises(CorruptArtifactError, match=artifact.recipe):
        artifact.read()


def test_a_store_can_be_moved_to_another_folder(store: Store, tmp_path: Path) -> None:
    kept(store, Maker(), k=5)
    moved = Store(Path(shutil.move(store.root, tmp_path / "elsewhere")))
    assert not kept(moved, Maker(), k=5).computed
    assert moved.current("thing").read() == {"n": 1}


def test_the_log_tells_in_order_who_computed_and_who_was_found(store: Store) -> None:
    for k in (1, 2, 1):
        kept(store, Maker(), k=k)
    assert [one.computed for one in store.log] == [True, True, False]


def test_the_seconds_of_the_making_are_kept(store: Store) -> None:
    def slowly() -> dict[str, int]:
        time.sleep(0.02)
        return {}

    assert kept(store, slowly).seconds >= 0.02
    assert kept(store, slowly).seconds >= 0.02


def test_a_store_may_lie_under_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    store = Store(tmp_path / "cams [north] *")
    table = pl.DataFrame({"video": ["a.mp4"]})
    made = [kept(store, lambda: table) for _ in range(2)]
    assert made[1].read().equals(table)
    assert [one.computed for one in made] == [True, False]
