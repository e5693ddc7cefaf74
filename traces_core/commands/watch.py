"""`traces watch`: cameras in, alarms out; see `traces_core.live`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated

import typer
import yaml

from traces_core.commands.consoles import fail, say, warn
from traces_core.disk import write_whole
from traces_core.errors import TracesError
from traces_core.live import FOLDER_VARIABLE

MADE = "sources.yaml"
"""In the live folder: sources that were named on the command line, written as cameras.yaml has them."""


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
    given = list(sources or [])
    if practice and given:
        raise typer.BadParameter("it brings its own cameras; name no others", param_hint="--practice")
    if not practice and not given:
        raise typer.BadParameter("name cameras.yaml, or one source or more", param_hint="SOURCES")
    if (as_live or context) and (practice or _names_settings(given)):
        raise typer.BadParameter("cameras.yaml says it of each camera", param_hint="--context, --as-live")
    kept = folder or (Path(named) if (named := os.environ.get(FOLDER_VARIABLE)) else None)
    try:
        if _names_settings(given):
            _watch_file(Path(given[0]).absolute(), kept)
            return
        with ExitStack() as serving:
            if practice:
                from traces_core.commands.practice_cameras import serve_practice

                cameras = serving.enter_context(serve_practice(practice))
            else:
                cameras = [
                    _camera(number, one, context or [], as_live) for number, one in enumerate(given, 1)
                ]
            _watch_cameras(cameras, port, kept or Path("live"))
    except TracesError as error:
        fail(str(error))


def _watch_file(path: Path, folder: Path | None) -> None:
    """Watch what cameras.yaml says; a mistake in it makes no folder."""
    from traces_core.live.settings import LiveSettings
    from traces_core.live.supervisor import locked

    LiveSettings.load(path)
    folder = (folder or path.parent / "live").absolute()
    _supervise(path, folder, locked(folder))


def _watch_cameras(cameras: list[dict[str, object]], port: int, folder: Path) -> None:
    """Watch cameras that no file names: one is written beside what is kept."""
    from traces_core.live.supervisor import locked

    folder = folder.absolute()
    lock = locked(folder)
    path = folder / MADE
    path.touch(mode=0o600)  # addresses may hold passwords
    write_whole(path, yaml.safe_dump({"cameras": cameras, "page": {"port": port}}, sort_keys=False))
    _supervise(path, folder, lock)


def _supervise(path: Path, folder: Path, lock: IO[str]) -> None:
    from traces_core.live.supervisor import Supervisor

    supervisor = Supervisor(folder, path, lock)
    say(f"{len(supervisor.settings.cameras)} cameras of {path}; what is kept lies in {folder}")
    say(supervisor.address, title="page")
    if not supervisor.settings.sinks:
        warn("note", "no sink is configured: alarms reach nobody but the page", style="bold yellow")
    supervisor.run()


def _names_settings(given: list[str]) -> bool:
    return len(given) == 1 and given[0].endswith((".yaml", ".yml"))


def _camera(number: int, source: str, context: list[str], as_live: bool) -> dict[str, object]:
    """A camera as cameras.yaml has it; a path counts from here, not from where that is written."""
    source = source if "://" in source else str(Path(source).absolute())
    return {"name": f"camera-{number}", "source": source, "as_live": as_live, "context": context}
