"""What DVC gets of an artifact: its files, or packs of its parts, and what DVC calls them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from traces_core.errors import TracesError
from traces_core.project import Project
from traces_core.steps.footage import shard_of
from traces_core.store.artifacts import PACKS
from traces_core.store.digest import LENGTH
from traces_core.store.packs import pack

PACKED = (
    *("features", "video_scores", "grids", "scene_frames", "video_context_scores"),  # a part a video
    *("practice_footage", "benchmark_report"),  # folders of many files
)
"""Artifacts of which DVC gets packs, one a shard; .dvcignore hides their parts from it."""

_VIDEO_ID = re.compile(f"[0-9a-f]{{{LENGTH}}}")


class VersioningError(TracesError, RuntimeError):
    """DVC cannot or must not record: why, and what to do."""


def dvc_revision(path: Path) -> str:
    """What DVC calls the content of a file or folder: the name under which its cache and remotes keep it.

    Known as soon as the artifact is, without asking DVC, and the same on every machine. `dvc ls -R
    --show-hash . data` lists it; for a folder it is the name that `dvc add` would give. Of a folder of the
    store that has packs, DVC sees these alone.

    Returns
    -------
    str
        The MD5 of a file, 32 hexadecimal digits; that of the listing of a folder, with `.dir` behind it.
    """
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "md5").hexdigest()
    items = path.glob("[!.]*") if (path / PACKS).exists() else path.rglob("*")
    inside = {item.relative_to(path).as_posix(): item for item in items if item.is_file()}
    listing = [{"md5": dvc_revision(inside[name]), "relpath": name} for name in sorted(inside)]
    return hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"


def write_packs(project: Project, outs: Iterable[str]) -> None:
    """Write the packs of those folders of the store of which DVC gets packs."""
    shards = project.settings.footage.shards
    for name in _packed(outs):
        pack(project.store, name, lambda key: shard_of(key, shards) if _VIDEO_ID.fullmatch(key) else key)


def check_packs(project: Project, outs: Iterable[str]) -> None:
    """Refuse a version whose packs were out of date before DVC had recorded them.

    Raises
    ------
    VersioningError
        Something was made meanwhile.
    """
    for name in _packed(outs):
        if not (project.store.root / name / PACKS).exists():
            raise VersioningError(
                f"{project.store.root / name}: something was made there while DVC recorded it. When that has "
                "ended: python -m pipelines.versioning commit"
            )


def _packed(outs: Iterable[str]) -> list[str]:
    return sorted({Path(out).name for out in outs}.intersection(PACKED))
