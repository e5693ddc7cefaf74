"""What of a store nobody needs any more: recipes that are not current, and what killed writers left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from traces_core.store.files import SCRATCH, pointer_in, writer_lives


@dataclass(frozen=True, slots=True)
class Unused:
    """What of one asset could be deleted."""

    name: str
    """The asset."""
    files: int
    """How many."""
    bytes: int
    """Their size."""


def unused_in(folder: Path) -> list[Path]:
    """Files and folders of a part that nobody needs: none while a process writes there."""
    scratches = list(folder.glob(f"{SCRATCH}*"))
    left = [scratch for scratch in scratches if not writer_lives(scratch)]
    if len(left) < len(scratches):
        return left
    kept, _ = pointer_in(folder)
    recipes = (path.name.removesuffix(".recipe.json") for path in folder.glob("*.recipe.json"))
    return left + [path for recipe in recipes if recipe != kept for path in folder.glob(f"{recipe}*")]


def files_in(path: Path) -> list[Path]:
    """A file itself, or every file within a folder."""
    return [one for one in [path, *path.rglob("*")] if one.is_file()]
