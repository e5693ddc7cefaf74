"""Clips and frames, from within the folder `live/` and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from traces_core.live.page.site import note_look, site_of

_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}


def picture(request: Request) -> Response:
    """A frame, read at once: the engine may replace it at any time."""
    path = _file(request, "frames")
    note_look(request, f"picture {path.name}")
    try:
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix])
    except OSError:
        raise HTTPException(404, "This picture is gone.") from None


def clip(request: Request) -> Response:
    """A clip, or the part of it that a player asks for."""
    path = _file(request, "clips")
    note_look(request, f"clip {path.name}")
    return FileResponse(path, media_type=_TYPES[path.suffix], stat_result=path.stat())


def _file(request: Request, below: str) -> Path:
    """The file that was asked for, links followed, where it lies within a folder of the ledger."""
    folder = site_of(request).folder.resolve() / below
    try:
        path: Path = (folder / request.path_params["path"]).resolve(strict=True)
        is_there = path.is_relative_to(folder) and path.is_file() and os.access(path, os.R_OK)
    except (OSError, ValueError, RuntimeError):  # not there, a zero in its name, a circle of links
        is_there = False
    if not is_there or path.suffix not in _TYPES:
        raise HTTPException(404, "There is no such file.")
    return path
