"""What of a store nobody needs any more: recipes that are not current, and what killed writers left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from traces_core.disk import is_litter
from traces_core.store.digest import LENGTH
from traces_core.store.files import SCRATCH, pointer_in

_RECIPE = re.compile(f"[0-9a-f]{{{LENGTH}}}")


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
    """Files and folders of a part that nobody needs: none but litter while a process writes there."""
    inside = sorted(folder.iterdir())
    left = [path for path in inside if path.name.startswith(".") and is_litter(path)]
    if any(path.name.startswith(SCRATCH) and path not in left for path in inside):
        return left
    kept, _ = pointer_in(folder)
    made = [path for path in inside if (recipe := recipe_in(path)) is not None and recipe != kept]
    return left + made


def recipe_in(path: Path) -> str | None:
    """The recipe that a file or folder is named after, as an artifact and its recipe are; None otherwise.

    >>> recipe_in(Path("data/videos/all/0123456789abcdef.recipe.json"))
    '0123456789abcdef'
    >>> recipe_in(Path("data/videos/all/current")) is None
    True
    """
    name = path.name.partition(".")[0]
    return name if _RECIPE.fullmatch(name) else None


def files_in(path: Path) -> list[Path]:
    """A file itself, or every file within a folder."""
    return [one for one in [path, *path.rglob("*")] if one.is_file()]
