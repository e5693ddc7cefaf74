"""Packs: what is current of many small parts as a few large files, for whatever versions files one by one.

    data/<name>/<pack>.<digest>.tar    recipes and artifacts of some parts
    data/<name>/packs.json             which part lies in which pack; there as long as it says what is current
    data/<name>/.packs.json            the one that the parts beside it were last made to agree with

The store reads and writes parts, never packs. `pack` writes packs where a version is recorded; a store that
makes another part current deletes `packs.json`, so that nobody takes the packs for the present. Where a
checkout has put another `packs.json` there, `opened` lays its parts out before anybody reads them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict

from traces_core.disk import in_words, locked, storage_error, sync, write_whole
from traces_core.errors import CorruptArtifactError, DamagedPackError
from traces_core.store.artifacts import PACKS, PACKS_LAID_OUT, Store
from traces_core.store.digest import digest, file_digest
from traces_core.store.files import move_to, scratch_folder, settle


class PackedPart(TypedDict):
    """One part in a pack."""

    current: str
    """Its recipe, and its lineage, as the file `current` has them."""
    file: str
    """Name of the artifact."""
    sha256: str
    """Of the artifact."""


Parts = dict[str, PackedPart]
"""By key."""


def opened(root: Path) -> Store:
    """The store under a root folder, in which the parts agree with the packs that a checkout brought.

    Raises
    ------
    DamagedPackError
        If a pack is missing, or is not the one that was written.
    """
    for packs in root.glob(f"*/{PACKS}"):
        if not _agree(packs.parent):
            with locked(packs.parent):
                _lay_out(packs.parent)
    return Store(root)


def pack(store: Store, name: str, pack_of: Callable[[str], str]) -> None:
    """Write the packs of an asset; those that hold what they should are left as they are.

    Parameters
    ----------
    pack_of
        From the key of a part to the name of its pack.

    Raises
    ------
    CorruptArtifactError
        If a part is not intact.
    """
    folder = store.root / name
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        parts = _current_parts(store, name)
        grouped: dict[str, Parts] = {}
        for key, part in parts.items():
            grouped.setdefault(pack_of(key), {})[key] = part
        packs = {f"{one}.{digest(inside)}.tar": inside for one, inside in sorted(grouped.items())}
        for file, inside in packs.items():
            if not (folder / file).is_file():
                _write_pack(store, name, file, inside)
        with locked(folder):
            write_whole(folder / PACKS_LAID_OUT, json.dumps(packs, indent=1))
            write_whole(folder / PACKS, json.dumps(packs, indent=1))
        if _current_parts(store, name) == parts:  # else another process has made something current meanwhile
            break
    for file in {one.name for one in folder.glob("*.tar")} - set(packs):
        (folder / file).unlink()


def _current_parts(store: Store, name: str) -> Parts:
    parts = {}
    for key in store.keys(name):
        about = store.recipe_of_current(name, key)
        current = _text(store.root / name / key / "current") or ""
        parts[key] = PackedPart(current=current, file=about["file"], sha256=about["sha256"])
    return parts


def _write_pack(store: Store, name: str, file: str, parts: Parts) -> None:
    """A pack whose bytes depend on its parts alone: no times, no owners, in the order of the keys."""
    folder = store.root / name
    with in_words(folder / file), scratch_folder(folder) as scratch:
        with tarfile.open(scratch / file, "w", format=tarfile.GNU_FORMAT) as pack:
            for key, part in parts.items():
                artifact = store.find(name, key, _recipe(part))
                if artifact is None:
                    raise CorruptArtifactError(folder / key / part["file"], "it is not what was made")
                for path in (folder / key / _about(part), *_files_of(artifact.path)):
                    member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                    member.size = path.stat().st_size
                    with path.open("rb") as stream:
                        pack.addfile(member, stream)
        settle(scratch / file)
        (scratch / file).replace(folder / file)
        sync(folder)


def _files_of(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _lay_out(folder: Path) -> None:
    """Make the parts beside `packs.json` those that it lists, and no others current."""
    text = _text(folder / PACKS)
    if text is None or _agree(folder):  # by another process, a moment ago
        return
    packs = _listed(folder / PACKS, text)
    parts = {key: part for inside in packs.values() for key, part in inside.items()}
    for file, inside in packs.items():
        missing = {key: part for key, part in inside.items() if not _lies(folder / key, part)}
        if missing:
            _unpack(folder / file, missing)
    for key, part in parts.items():
        if _text(folder / key / "current") != part["current"]:
            write_whole(folder / key / "current", part["current"])
    for pointer in folder.glob("*/current"):
        if pointer.parent.name not in parts:
            pointer.unlink()
    write_whole(folder / PACKS_LAID_OUT, text)


def _listed(packs: Path, text: str) -> Mapping[str, Parts]:
    """What packs.json says, if all that it names lies beside it."""
    try:
        listed: dict[str, Parts] = json.loads(text)
        inside = [(key, part) for parts in listed.values() for key, part in parts.items()]
        names = {*listed, *(one for key, part in inside for one in (key, part["file"], _about(part)))}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedPackError(packs, f"it cannot be read: {error}") from error
    strange = sorted(name for name in names if name in ("", ".", "..") or "/" in name or "\\" in name)
    if strange:
        raise DamagedPackError(packs, f"it names {strange[0]!r}, which does not lie beside it")
    return listed


def _lies(folder: Path, part: PackedPart) -> bool:
    """Whether a part lies there already, by what is written beside it."""
    about = _text(folder / _about(part))
    return about is not None and part["sha256"] in about and (folder / part["file"]).exists()


def _unpack(pack: Path, parts: Parts) -> None:
    """Put parts of a pack where the store has them; only those that are what was packed."""
    folder = pack.parent
    with scratch_folder(folder) as scratch:
        try:
            with tarfile.open(pack) as packed:
                wanted = [member for member in packed if Path(member.name).parts[0] in parts]
                packed.extractall(scratch, wanted, filter="data")
            for key, part in parts.items():
                if file_digest(scratch / key / part["file"]) != part["sha256"]:
                    raise DamagedPackError(pack, f"{key} in it is not what was packed")
        except (OSError, tarfile.TarError) as error:
            refused = storage_error(error, pack)
            if refused is None or refused.errno == errno.ENOENT:
                raise DamagedPackError(pack, str(error)) from error
            raise refused from error
        for key, part in parts.items():
            (folder / key).mkdir(exist_ok=True)
            for name in (part["file"], _about(part)):
                move_to(scratch / key / name, folder / key / name)


def _recipe(part: PackedPart) -> str:
    return part["current"].partition("\n")[0].strip()


def _about(part: PackedPart) -> str:
    """Name of the file with its recipe."""
    return f"{_recipe(part)}.recipe.json"


def _agree(folder: Path) -> bool:
    """Whether the parts are those of the packs."""
    return _text(folder / PACKS) == _text(folder / PACKS_LAID_OUT)


def _text(path: Path) -> str | None:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8")
    return None
