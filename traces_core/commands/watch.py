"""`traces watch`: cameras in, alarms out; see `traces_core.live`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import yaml

from traces_core.commands.consoles import fail, say, warn
from traces_core.disk import write_whole
from traces_core.errors import TracesError

FOLDER_VARIABLE = "TRACES_LIVE"
_NAME = "cameras.yaml"


def watch(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="cameras.yaml; or addresses, devices, folders and files, a camera each."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(help="The kind of place they show, as in the catalog; may be repeated."),
    ] = None,
    as_live: Annotated[
        bool, typer.Option("--as-live", help="Play files at their own speed, again and again.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--live", help=f"Where alarms and clips are kept; {FOLDER_VARIABLE}, else `live` beside."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page, for sources without a file.")
    ] = 8080,
    practice: Annotated[
        int, typer.Option(min=0, max=24, help="Watch so many videos of the practice world, served as RTSP.")
    ] = 0,
) -> None:
    """Watch cameras: a page on 127.0.0.1:8080, alarms as cameras.yaml says."""
    from traces_core.live.settings import LiveSettings
    from traces_core.live.supervisor import Supervisor

    given = list(sources or [])
    if practice:
        from traces_core.commands.practice_cameras import serve_practice

        cameras = serve_practice(practice)
    elif len(given) == 1 and given[0].endswith((".yaml", ".yml")):
        cameras = None
    elif given:
        cameras = [
            {"name": f"camera-{number}", "source": _source(one), "as_live": as_live, "context": context or []}
            for number, one in enumerate(given, 1)
        ]
    else:
        raise typer.BadParameter("name cameras.yaml, or one source or more", param_hint="SOURCES")
    try:
        if cameras is None:
            path = Path(given[0]).absolute()
            place = folder or Path(os.environ.get(FOLDER_VARIABLE) or path.parent / "live")
        else:
            place = folder or Path(os.environ.get(FOLDER_VARIABLE) or "live")
            path = place / _NAME
            write_whole(
                _made(path), yaml.safe_dump({"cameras": cameras, "page": {"port": port}}, sort_keys=False)
            )
        settings = LiveSettings.load(path)
        say(f"{len(settings.cameras)} cameras of {path}; what is kept lies in {place.absolute()}")
        say(f"http://{settings.page.host}:{settings.page.port}", title="page")
        if not settings.sinks:
            warn("note", "no sink is configured: alarms reach nobody but the page", style="bold yellow")
        Supervisor(place.absolute(), path).run()
    except TracesError as error:
        fail(str(error))


def _source(text: str) -> str:
    """A path counts from here, not from where the settings are written."""
    return text if "://" in text else str(Path(text).absolute())


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
