"""The inbox, a folder that videos are dropped into: which of them are whole, and what they are called.

A file is taken when it has not changed between two looks and holds as many bytes as its own structure says;
one that stays incomplete is taken after a while and turns out to be broken. Files are looked at, not decoded;
what becomes of them is in `traces_core.steps.inbox`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from traces_core.disk import locked
from traces_core.settings import Machine
from traces_core.store.digest import digest
from traces_core.video.sources import SUFFIXES
from traces_core.video.wholeness import missing_bytes

INBOX_VARIABLE = "TRACES_INBOX"
BROKEN = "broken"
"""Folder within the inbox for files that cannot be read to their end, each with its reason in a text file."""
PATIENCE_S = 600.0
"""How long an incomplete file may stay unchanged before it counts as broken (seconds)."""


def inbox_folder(machine: Machine) -> Path:
    """The inbox of this machine: TRACES_INBOX, else `inbox` beside the store."""
    return Path(os.environ.get(INBOX_VARIABLE, "") or machine.data.parent / "inbox")


def dropped_files(folder: Path) -> Iterator[Path]:
    """Videos in the inbox at any depth, by their name's ending; sorted."""
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in within.parts)
        if path.suffix.lower() in SUFFIXES and within.parts[0] != BROKEN and not is_hidden and path.is_file():
            yield path


def name_of(folder: Path, path: Path) -> str:
    """What a video of the inbox is called: its path, in letters that a partition and a folder may have.

    Examples
    --------
    >>> name_of(Path("inbox"), Path("inbox/gate.mp4"))
    'gate.mp4'
    >>> name_of(Path("inbox"), Path("inbox/car_park/gate 2.mp4"))
    'car_park-gate-2.mp4-a93e85'
    """
    within = path.relative_to(folder).as_posix()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", within)
    return name if name == within else f"{name}-{digest(within)[:6]}"


def file_named(folder: Path, name: str) -> Path | None:
    """The file of the inbox that is called so; None where it is gone."""
    return next((path for path in dropped_files(folder) if name_of(folder, path) == name), None)


@dataclass(frozen=True, slots=True)
class InboxScan:
    """The result of one look at the inbox; `to_json` keeps it for the next."""

    ready: dict[str, str] = field(default_factory=dict)
    """Name -> stamp of each video that can be taken now."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Name -> why it cannot yet."""
    seen: dict[str, str] = field(default_factory=dict)
    """Name -> stamp of every video there."""
    taken: dict[str, str] = field(default_factory=dict)
    """Name -> stamp of those taken at an earlier look, or to be taken now."""

    def to_json(self) -> str:
        """What the next look needs to know."""
        return json.dumps({"seen": self.seen, "taken": self.taken})


def look(folder: Path, remembered: str | None, now_s: float, *, most: int = 20) -> InboxScan:
    """Look at the inbox.

    Parameters
    ----------
    remembered
        `to_json` of the look before; None or empty for the first.
    now_s
        The time (seconds since 1970).
    most
        Videos that are taken at once (count); the next look takes more.
    """
    before = json.loads(remembered or "{}")
    seen_before, taken_before = before.get("seen", {}), before.get("taken", {})
    scan = InboxScan()
    for path in dropped_files(folder):
        name = name_of(folder, path)
        try:
            about = path.stat()
            lacks = missing_bytes(path) if about.st_size else "it is empty"
        except OSError:
            continue  # it was moved away just now
        stamp = f"{about.st_size}-{about.st_mtime_ns}"
        scan.seen[name] = stamp
        if taken_before.get(name) == stamp:
            scan.taken[name] = stamp
        elif seen_before.get(name) != stamp:
            scan.waiting[name] = "new, or still changing"
        elif lacks and now_s - max(about.st_mtime, about.st_ctime) < PATIENCE_S:
            scan.waiting[name] = lacks
        elif len(scan.ready) < most:
            scan.ready[name] = scan.taken[name] = stamp
        else:
            scan.waiting[name] = "others come first"
    return scan


def set_aside(folder: Path, path: Path, reason: str) -> Path:
    """Move a broken video to `broken/`, with its reason in a text file beside it; returns its new path."""
    target, number = folder / BROKEN / path.relative_to(folder), 2
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent):
        while target.exists():  # another recording of that name, broken as well
            target, number = target.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
        path.replace(target)
    target.with_name(f"{target.name}.txt").write_text(reason + "\n", encoding="utf-8")
    return target
