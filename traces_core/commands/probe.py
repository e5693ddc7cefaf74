"""`traces probe`: what is seen of a file, in words and as JSON; see `traces_core.video.examination`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traces_core.commands.consoles import err, say
from traces_core.disk import writable_folder

if TYPE_CHECKING:
    from traces_core.video.examination import VideoReport

VideoStream = Annotated[
    int | None,
    typer.Option(min=0, help="Which of the file's video streams, from 0; FFmpeg's choice if not given."),
]


def probe(
    files: Annotated[list[Path], typer.Argument(help="Video files; any container and codec.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list, one object a file.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Write the first picture as PNG (one file).")] = None,
    stream: VideoStream = None,
) -> None:
    """Say what is seen of video files: size, clock, pictures lost and why. Status 1: one cannot be read."""
    from traces_core.video.examination import examine

    if picture is not None and len(files) != 1:
        raise typer.BadParameter("it shows one file; name one", param_hint="--picture")
    if picture is not None:
        writable_folder(picture.parent)  # before anything is decoded
    reports = []
    for file in files:
        report, first = examine(file, stream=stream)
        reports.append(report)
        if not as_json:
            _say(report)
        if picture is not None and first is not None:
            from PIL import Image

            Image.fromarray(first).save(picture, "PNG")
    if as_json:
        print(json.dumps([asdict(report) for report in reports], indent=1))
    if not all(report.readable for report in reports):
        raise typer.Exit(1)


def _say(report: VideoReport) -> None:
    """One file in words."""
    if not report.readable:
        say(f"{report.file}: cannot be read: {report.reason}", to=err)
        return
    rows = {
        "size": f"{report.width} x {report.height}, {report.orientation}, pixels {report.pixel_aspect}",
        "codec": f"{report.codec} in {report.container}, stream {report.stream} of {report.streams}",
        "pictures": f"{report.frames}, at {report.first_s:.3f} to {report.last_s:.3f} s, rate {report.rate}",
        "length": f"{report.duration_s:.3f} s by its pictures; stated: {report.stated_s or 'nothing'}",
        "gaps": "; ".join(f"{start:.3f} to {end:.3f} s" for start, end in report.gaps),
        "lost": "; ".join([str(report.lost), *report.lost_why]),
        "forgiven": "; ".join(report.forgiven),
    }
    say(report.file)
    for name, text in rows.items():
        if text:
            say(f"  {name:<9} {text}")
