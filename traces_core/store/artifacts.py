"""The store: every artifact beside the recipe that made it. Computes a thing once, remembers it for good.

    data/<name>/<key>/<recipe>.<kind>      the artifact: Parquet, safetensors, JSON, or a folder
    data/<name>/<key>/<recipe>.recipe.json what it was made from, and the fingerprint of what came out
    data/<name>/<key>/current              which recipe the graph last asked for, and its lineage

An artifact lives under its recipe, so going back to an earlier setting finds the earlier result, variants
of an ablation share whatever they have in common, and two runs at once never overwrite each other.
What an artifact *means* is not known here. How files are written is in `files`, what may go in `pruning`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from traces_core.disk import OF_WRITING, in_words, is_litter, locked, unreadable, write_whole
from traces_core.errors import CorruptArtifactError, MissingArtifactError
from traces_core.store.artifact import ONLY, Artifact, Lineage
from traces_core.store.digest import canonical_json, digest, file_digest
from traces_core.store.files import (
    content_fingerprint,
    move_to,
    pointer_in,
    scratch_folder,
    settle,
    write_value,
)
from traces_core.store.pruning import Unused, files_in, recipe_in, unused_in
from traces_core.store.running import code_of_running_step, lineage_for

PACKS = "packs.json"
"""Which parts of an asset lie in which pack, as long as these are what is current; see `packs`."""
PACKS_LAID_OUT = f".{PACKS}"
"""The same, of the packs that were last made from the parts, or laid out as these."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store that is open: remembers what was made under one root folder."""

    root: Path
    publishes: bool = True
    """Whether what is remembered becomes current; False for ablations, which only look and add."""
    log: list[Artifact] = field(default_factory=list, compare=False)
    """Every artifact asked for through this store, in order: who computed and who was found."""

    def __post_init__(self) -> None:
        """Whatever reads an artifact is given its whole path: polars takes `file:` and `~/` for more."""
        object.__setattr__(self, "root", self.root.absolute())

    def aside(self) -> Store:
        """The same store, without making anything current: for variants and trials."""
        return replace(self, publishes=False)

    def remember(
        self,
        name: str,
        key: str = ONLY,
        *,
        made_from: Mapping[str, Any],
        make: Callable[[], Any],
        code: str | None = None,
    ) -> Artifact:
        """The artifact of this recipe: found where it exists and is intact, else computed and kept.

        Parameters
        ----------
        name, key
            Which asset, and which part of it.
        made_from
            Everything it depends on besides code: fingerprints of inputs, settings. Part of the recipe.
        make
            Computes the value: a polars DataFrame (Parquet), a dict of arrays (safetensors) or
            something JSON can hold.
        code
            Digest of the code that makes it; that of the step that runs, by default.

        Returns
        -------
        Artifact
            `computed` says which of the two happened.
        """
        return self.remember_path(
            name, key, made_from=made_from, write=lambda path: write_value(make(), path), code=code
        )

    def remember_path(
        self,
        name: str,
        key: str = ONLY,
        *,
        made_from: Mapping[str, Any],
        write: Callable[[Path], Path | tuple[Path, Mapping[str, Any]]],
        code: str | None = None,
    ) -> Artifact:
        """Like `remember`, for what writes itself: `write` gets a free path and gives the one it wrote.

        Parameters
        ----------
        write
            Takes a path without a suffix, writes a file (adding its suffix) or a folder there, and
            returns that path, or the path and small facts to keep. Nothing it leaves behind when it
            raises is ever taken for an artifact.
        """
        code = code or code_of_running_step()
        recipe = recipe_of(name, key, code, made_from)
        artifact = self.find(name, key, recipe)
        if artifact is None:
            artifact = self._made(name, key, recipe, code, made_from, write)
        else:
            artifact = replace(artifact, lineage=lineage_for(name))
            if self.publishes:
                with locked(self._folder(name, key)):
                    self._point(artifact)
        self.log.append(artifact)
        return artifact

    def _made(
        self,
        name: str,
        key: str,
        recipe: str,
        code: str,
        made_from: Mapping[str, Any],
        write: Callable[[Path], Path | tuple[Path, Mapping[str, Any]]],
    ) -> Artifact:
        """An artifact, computed beside its place and kept there."""
        folder = self._folder(name, key)
        with in_words(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder) as scratch:
            started = time.monotonic()
            with in_words(folder, codes=OF_WRITING):  # what it reads lies elsewhere
                written = write(scratch / recipe)
            seconds = time.monotonic() - started
            path, facts = written if isinstance(written, tuple) else (written, {})
            with in_words(folder):
                settle(path)
            about = {
                "name": name,
                "key": key,
                "recipe": recipe,
                "code": code,
                "made_from": made_from,
                "file": path.name,
                "sha256": file_digest(path),
                "fingerprint": content_fingerprint(path),
                "seconds": round(seconds, 3),
                "facts": facts,
            }
            with in_words(folder):
                return self._kept(path, about)

    def _kept(self, path: Path, about: Mapping[str, Any]) -> Artifact:
        """A finished file or folder, put under its recipe; what another process put there meanwhile stays."""
        name, key, recipe = about["name"], about["key"], about["recipe"]
        folder = self._folder(name, key)
        with locked(folder):
            made = self.find(name, key, recipe)  # by another process, too: somebody may read it
            if made is None:
                move_to(path, folder / path.name)
                kept = json.dumps(json.loads(canonical_json(about)), indent=1)
                write_whole(folder / f"{recipe}.recipe.json", kept)
                made = replace(self._read(name, key, recipe, about), computed=True)
            made = replace(made, lineage=lineage_for(name))
            if self.publishes:  # before anybody may prune here
                self._point(made)
        return made

    def find(self, name: str, key: str, recipe: str) -> Artifact | None:
        """The artifact of a recipe, if it is there and intact."""
        about_path = self._folder(name, key) / f"{recipe}.recipe.json"
        try:
            about = json.loads(about_path.read_text(encoding="utf-8"))
            path = about_path.parent / about["file"]
            intact = file_digest(path) == about["sha256"]
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
            return None  # not there, or half-written: it is rebuilt
        except OSError as error:  # it may be sound: nothing is computed, or deleted, in its place
            raise unreadable(about_path, error) from error
        return self._read(name, key, recipe, about) if intact else None

    def recall(self, name: str, key: str = ONLY, *, code: str, made_from: Mapping[str, Any]) -> Artifact:
        """The artifact of this recipe, which must have been made before.

        Raises
        ------
        MissingArtifactError
            If it has not, or is no longer intact.
        """
        artifact = self.find(name, key, recipe_of(name, key, code, made_from))
        if artifact is None:
            raise MissingArtifactError(name, self.root, None if key == ONLY else key)
        return artifact

    def current(self, name: str, key: str = ONLY) -> Artifact:
        """The artifact that the graph made last under this name and key.

        Raises
        ------
        MissingArtifactError
            If it has not been made.
        CorruptArtifactError
            If the file is not the one that was written.
        """
        recipe, lineage = self.pointed_at(name, key)
        if recipe is None:
            raise MissingArtifactError(name, self.root, None if key == ONLY else key)
        artifact = self.find(name, key, recipe)
        if artifact is None:
            path = self._folder(name, key) / recipe
            raise CorruptArtifactError(path, "the file is missing, cut short or changed")
        return replace(artifact, lineage=lineage)

    def pointer(self, name: str, key: str = ONLY) -> str | None:
        """The recipe that is current, its file intact or not; None where there is none."""
        return self.pointed_at(name, key)[0]

    def pointed_at(self, name: str, key: str) -> tuple[str | None, Lineage | None]:
        """The recipe that is current, and what it was last asked for with; see `running.lineage_for`."""
        return pointer_in(self._folder(name, key))

    def _point(self, artifact: Artifact) -> None:
        """Make an artifact current; nothing is written where it is already, with the same lineage."""
        folder = self._folder(artifact.name, artifact.key)
        if pointer_in(folder) != (artifact.recipe, artifact.lineage):
            lineage = [] if artifact.lineage is None else [canonical_json(artifact.lineage)]
            self._outdate_packs(artifact.name)
            write_whole(folder / "current", "\n".join([artifact.recipe, *lineage]))
            self._outdate_packs(artifact.name)  # those that were written in between

    def confirm(self, artifact: Artifact) -> None:
        """Record that a current artifact is also what its step gives from other versions of its inputs.

        Nothing where another one has become current meanwhile.
        """
        folder = self._folder(artifact.name, artifact.key)
        with locked(folder):
            if pointer_in(folder)[0] == artifact.recipe:
                self._point(artifact)

    def recipe_of_current(self, name: str, key: str = ONLY) -> dict[str, Any]:
        """What the current artifact was made from: `code`, `made_from`, and what came out.

        Raises
        ------
        MissingArtifactError
            If nothing is current.
        CorruptArtifactError
            If its recipe cannot be read.
        """
        recipe = self.pointer(name, key)
        if recipe is None:
            raise MissingArtifactError(name, self.root, None if key == ONLY else key)
        path = self._folder(name, key) / f"{recipe}.recipe.json"
        try:
            about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        return about

    def keys(self, name: str) -> list[str]:
        """Every key under which an asset has a current artifact, sorted."""
        folder = self.root / name
        if not folder.is_dir():
            return []
        return sorted(pointer.parent.name for pointer in folder.glob("*/current"))

    def keep_only(self, name: str, keys: Collection[str]) -> None:
        """Forget every part of an asset but these; nothing in a store that makes nothing current."""
        for key in set(self.keys(name)) - set(keys) if self.publishes else ():
            self.forget(name, key)

    def forget(self, name: str, key: str) -> None:
        """Make a part current no longer: its video or context is gone. Its files stay until `prune`."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder(name, key) / "current").unlink()
        self._outdate_packs(name)

    def _outdate_packs(self, name: str) -> None:
        """Let nobody take the packs of an asset for what is current any longer."""
        for listing in (PACKS, PACKS_LAID_OUT):
            (self.root / name / listing).unlink(missing_ok=True)

    def unused(self) -> list[Unused]:
        """What `prune` would delete, by name of the artifact: nothing current, nothing being written."""
        files: dict[str, list[Path]] = {}
        for folder in self._parts():
            inside = (one for path in unused_in(folder) for one in files_in(path))
            files.setdefault(folder.parent.name, []).extend(inside)
        return [
            Unused(name, len(paths), sum(path.stat().st_size for path in paths))
            for name, paths in files.items()
            if paths
        ]

    def prune(self) -> int:
        """Delete what is not current and what killed writers left; returns the bytes that became free.

        A part that a running process writes is left as it is, with all its recipes.
        """
        freed = 0
        for folder in self._parts():
            with locked(folder):  # nobody puts anything here between the look and the deletion
                for path in unused_in(folder):
                    freed += sum(one.stat().st_size for one in files_in(path))
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        return freed

    def _parts(self) -> list[Path]:
        """Every folder of a part that holds something under a recipe, or half of it, sorted."""
        return sorted({one.parent for one in self.root.glob("[!.]*/*/*") if recipe_in(one) or is_litter(one)})

    def _folder(self, name: str, key: str) -> Path:
        return self.root / name / key

    def _read(self, name: str, key: str, recipe: str, about: Mapping[str, Any]) -> Artifact:
        return Artifact(
            name=name,
            key=key,
            path=self._folder(name, key) / about["file"],
            recipe=recipe,
            fingerprint=about["fingerprint"],
            computed=False,
            seconds=about["seconds"],
            facts=about["facts"],
        )


def recipe_of(name: str, key: str, code: str, made_from: Mapping[str, Any]) -> str:
    """Fingerprint of everything that an artifact is made from: what it is filed under."""
    return digest({"name": name, "key": key, "code": code, "made_from": made_from})
