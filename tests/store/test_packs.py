"""Packs: few files that hold what is current, and give it back where a checkout brings them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from traces_core.errors import DamagedPackError
from traces_core.store import Artifact, Store
from traces_core.store.packs import opened, pack

KEYS = ("0a", "0b", "1a")


def by_first_letter(key: str) -> str:
    return f"pack-{key[0]}"


def keep(store: Store, key: str, value: float) -> Artifact:
    made_from = {"value": value}
    return store.remember(
        "item", key, made_from=made_from, make=lambda: {"x": np.full(3, value)}, code="code"
    )


def keep_folder(store: Store, *names: str) -> Artifact:
    def write(path: Path) -> Path:
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(name)
        return path

    return store.remember_path("tree", made_from={"names": names}, write=write, code="code")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "data")
    for number, key in enumerate(KEYS):
        keep(store, key, float(number))
    pack(store, "item", by_first_letter)
    return store


def versioned(store: Store, name: str = "item") -> dict[str, bytes]:
    """What DVC keeps of an asset."""
    return {one.name: one.read_bytes() for one in (store.root / name).glob("[!.]*") if one.is_file()}


def check_out(root: Path, files: dict[str, bytes], name: str = "item") -> None:
    """What DVC does: its files are replaced, and no others are looked at."""
    (root / name).mkdir(parents=True, exist_ok=True)
    for one in (root / name).glob("[!.]*"):
        if one.is_file():
            one.unlink()
    for file, content in files.items():
        (root / name / file).write_bytes(content)


def test_packs_are_as_many_as_their_names_and_depend_on_what_is_current_alone(
    store: Store, tmp_path: Path
) -> None:
    other = Store(tmp_path / "other")
    for key in reversed(KEYS):
        keep(other, key, 17.0)
        keep(other, key, float(KEYS.index(key)))
    pack(other, "item", by_first_letter)
    assert len(versioned(store)) == 3
    names, others = versioned(store), versioned(other)
    assert names.keys() == others.keys()
    assert names["packs.json"] == others["packs.json"]


def test_a_store_that_holds_packs_alone_gives_every_part(store: Store, tmp_path: Path) -> None:
    expected = {key: store.current("item", key) for key in KEYS}
    check_out(tmp_path / "clone", versioned(store))
    clone = opened(tmp_path / "clone")
    assert clone.keys("item") == list(KEYS)
    for key in KEYS:
        found = clone.current("item", key)
        assert (found.recipe, found.fingerprint) == (expected[key].recipe, expected[key].fingerprint)
        assert np.array_equal(found.read()["x"], expected[key].read()["x"])


def test_a_folder_comes_back_with_its_lineage_and_every_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    made = keep_folder(store, "a.txt", "below/b.txt")
    pack(store, "tree", lambda key: key)
    check_out(tmp_path / "clone", versioned(store, "tree"), "tree")
    found = opened(tmp_path / "clone").current("tree")
    assert (found.path / "below" / "b.txt").read_text() == "below/b.txt"
    assert (found.fingerprint, found.lineage) == (made.fingerprint, made.lineage)


def test_an_older_version_becomes_current_again_and_what_it_lacks_does_not(store: Store) -> None:
    older = versioned(store)
    keep(store, "0a", 9.0)
    keep(store, "2a", 9.0)
    pack(store, "item", by_first_letter)
    newer = versioned(store)
    check_out(store.root, older)
    assert opened(store.root).keys("item") == list(KEYS)
    assert store.current("item", "0a").read()["x"][0] == 0.0
    check_out(store.root, newer)
    assert opened(store.root).keys("item") == [*KEYS, "2a"]
    assert store.current("item", "0a").read()["x"][0] == 9.0


def test_what_was_made_since_is_not_taken_back_by_old_packs(store: Store) -> None:
    keep(store, "0a", 9.0)
    assert "packs.json" not in versioned(store)  # DVC says: modified
    assert opened(store.root).current("item", "0a").read()["x"][0] == 9.0


def test_the_same_version_checked_out_over_newer_parts_is_laid_out(store: Store) -> None:
    older = versioned(store)
    keep(store, "0a", 9.0)
    store.forget("item", "1a")
    store.prune()
    check_out(store.root, older)
    assert opened(store.root).keys("item") == list(KEYS)
    assert store.current("item", "0a").read()["x"][0] == 0.0


def test_a_changed_part_rewrites_its_own_pack_alone(store: Store) -> None:
    before = {one.name: one.stat().st_ino for one in (store.root / "item").glob("*.tar")}
    keep(store, "1a", 9.0)
    pack(store, "item", by_first_letter)
    after = {one.name: one.stat().st_ino for one in (store.root / "item").glob("*.tar")}
    assert len(after) == 2
    assert [name for name in before if after.get(name) == before[name]] == [
        name for name in before if name.startswith("pack-0")
    ]


def test_a_store_without_packs_is_left_as_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "0a", 1.0)
    before = sorted(tmp_path.rglob("*"))
    assert opened(tmp_path).keys("item") == ["0a"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("damage", ["missing", "cut short", "altered"])
def test_a_damaged_pack_is_named(store: Store, tmp_path: Path, damage: str) -> None:
    files = versioned(store)
    name = next(one for one in sorted(files) if one.startswith("pack-0"))
    content = files.pop(name)
    if damage != "missing":
        at = content.index(np.full(3, 1.0).tobytes())
        changed = content[: at + 8] + b"\xff" + content[at + 9 :]
        files[name] = content[:700] if damage == "cut short" else changed
    check_out(tmp_path / "clone", files)
    with pytest.raises(DamagedPackError, match=rf"{name}: this pack cannot be laid out"):
        opened(tmp_path / "clone")
    (tmp_path / "clone" / "item" / "packs.json").unlink()  # as the message says
    (tmp_path / "clone" / "item" / name).unlink(missing_ok=True)
    assert opened(tmp_path / "clone").keys("item") == []
    files[name] = content
    check_out(tmp_path / "clone", files)
    assert opened(tmp_path / "clone").keys("item") == list(KEYS)


def test_a_pack_cannot_write_outside_the_store(store: Store, tmp_path: Path) -> None:
    import tarfile

    files = versioned(store)
    check_out(tmp_path / "clone", files)
    name = next(one for one in files if one.endswith(".tar"))
    with tarfile.open(tmp_path / "clone" / "item" / name, "w") as written:
        written.addfile(tarfile.TarInfo(f"{json.loads(files['packs.json'])[name].popitem()[0]}/../../../x"))
    with pytest.raises(DamagedPackError):
        opened(tmp_path / "clone")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"a.tar": {"0a": {}}}', '{"a.tar": []}'])
def test_a_list_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    check_out(tmp_path, {"packs.json": text.encode()})
    with pytest.raises(DamagedPackError, match=r"packs\.json: this pack cannot be laid out"):
        opened(tmp_path)


@pytest.mark.parametrize("field", ["key", "file", "current"])
def test_a_list_cannot_name_what_lies_elsewhere(store: Store, tmp_path: Path, field: str) -> None:
    files = versioned(store)
    packs = json.loads(files["packs.json"])
    parts = next(iter(packs.values()))
    key, part = parts.popitem()
    parts["../../x" if field == "key" else key] = {**part, field: "../../x"} if field != "key" else part
    check_out(tmp_path / "clone", {**files, "packs.json": json.dumps(packs).encode()})
    with pytest.raises(DamagedPackError, match="does not lie beside it"):
        opened(tmp_path / "clone")


def test_nothing_is_left_behind_by_a_layout_that_failed(store: Store, tmp_path: Path) -> None:
    files = versioned(store)
    check_out(tmp_path / "clone", {"packs.json": files["packs.json"]})
    with pytest.raises(DamagedPackError):
        opened(tmp_path / "clone")
    assert [one.name for one in (tmp_path / "clone" / "item").iterdir()] == ["packs.json"]
    shutil.rmtree(tmp_path / "clone")
