"""`traces replay`: what a camera's past would have raised under another catalog; see `live.replay`."""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from traces_core.commands.consoles import err, fail, out, say
from traces_core.errors import TracesError
from traces_core.live import FOLDER_VARIABLE

_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def replay(
    camera: Annotated[str, typer.Option(help="The camera, by its name in cameras.yaml.")],
    catalog: Annotated[
        Path | None, typer.Option(help="The folder of sentences to try; the camera's own if not given.")
    ] = None,
    since: Annotated[str, typer.Option(help="How far back: 90m, 12h, 7d.")] = "7d",
    cameras: Annotated[Path, typer.Option(help="The settings that it is watched with.")] = Path(
        "cameras.yaml"
    ),
    folder: Annotated[
        Path | None, typer.Option("--live", help=f"Where it is kept; {FOLDER_VARIABLE}, else `live` beside.")
    ] = None,
) -> None:
    """Say what the last days would have raised by other sentences, beside what they did raise."""
    back_s = _seconds(since)
    from traces_core.live.detectors import ChosenDetector
    from traces_core.live.evidence import EvidenceStore
    from traces_core.live.ledger import Ledger
    from traces_core.live.replay import replay as judged
    from traces_core.live.settings import LiveSettings

    try:
        settings = LiveSettings.load(cameras)
        chosen = next((one for one in settings.cameras if one.name == camera), None)
        if chosen is None:
            known = ", ".join(one.name for one in settings.cameras)
            raise typer.BadParameter(f"{camera!r} is none of {known}", param_hint="--camera")
        if catalog is not None:
            chosen = chosen.model_copy(update={"catalog": catalog.absolute(), "context": ()})
        place = folder or Path(os.environ.get(FOLDER_VARIABLE) or cameras.absolute().parent / "live")
        with err.status("loading encoders and bank"):
            detector, _ = ChosenDetector(settings.detector, place / "models").load()
        now_s = time.time()
        past = judged(detector, Ledger(place), EvidenceStore(place), chosen, now_s - back_s, now_s)
    except TracesError as error:
        fail(str(error))
    if not past.hours:
        fail(f"{place} holds no evidence of {camera} since then: it is kept while `traces watch` runs")
    say(
        f"{past.hours:.1f} h of {camera}: would have raised {len(past.would)} alarms, "
        f"did raise {len(past.did)}"
    )
    for mark in ("real", "false", "unsure", None):
        kept, of = past.count(mark)
        if of:
            say(f"  {kept} of {of} {'marked ' + mark if mark else 'not marked'} would be raised again")
    table = Table("", "begin", "end", "peak", "marked", box=None, pad_edge=False)
    for what, episodes in (("lost", past.lost), ("new", past.new)):
        for one in episodes:
            mark = getattr(one, "mark", None) or ""
            table.add_row(what, _clock(one.start_s), _clock(one.end_s), f"{one.peak_score:+.2f}", mark)
    if table.rows:
        out.print(table)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text)
    if not found or not float(found[1]):
        raise typer.BadParameter(f"{text!r} is no time; write 90m, 12h or 7d", param_hint="--since")
    return float(found[1]) * _UNITS_S[found[2]]


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).strftime("%m-%d %H:%M:%S")
