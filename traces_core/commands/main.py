"""The command line: `traces score | explain | watch | evaluate | captions | bank | make | save | ...`.

Words and exit statuses only: what is computed is computed elsewhere. Status 0: done; 1: something could
not be read or made, and is named; 2: the command was not understood.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.table import Table

from traces_core.commands import bank as cli_bank
from traces_core.commands import captions as cli_captions
from traces_core.commands.consoles import err, fail, out, say, warn
from traces_core.commands.evaluate import evaluate
from traces_core.commands.probe import VideoStream, probe
from traces_core.commands.replay import replay
from traces_core.commands.watch import watch
from traces_core.disk import storage_error, writable_folder
from traces_core.errors import TracesError, VideoError
from traces_core.printing import guard_output, printable, styled
from traces_core.store.digest import digest
from traces_core.streams.table import LATE, STREAMS, streams_of

if TYPE_CHECKING:
    from traces_core.detector.detector import Detector
    from traces_core.detector.folder import ScoreFolder
    from traces_core.store import Artifact

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find in video what must not happen, by comparing it with sentences.",
)
app.command()(evaluate)
app.command()(probe)
app.command()(watch)
app.command()(replay)
app.add_typer(cli_bank.app, name="bank")
app.add_typer(cli_captions.app, name="captions")

Context = Annotated[
    str | None, typer.Option(help="The kind of place it shows, as in catalog/; all of them if not given.")
]

_STREAMS = "; ".join(f"{row.name} ({row.title})" for row in STREAMS.values())


@app.command()
def score(
    videos: Annotated[list[Path], typer.Argument(help="Video files; any container and codec.")],
    context: Context = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the scores and pages.")] = Path("scores"),
    context_aware: Annotated[
        bool, typer.Option(help=f"Add the streams {', '.join(streams_of('context_aware'))}.")
    ] = False,
    video_stream: VideoStream = None,
) -> None:
    """Score videos: DIR/scores.parquet, DIR/episodes.parquet, a page for each video.

    Each is on disk once it is over; what this detector scored before is not scored again.
    """
    from traces_core.detector.folder import ScoreFolder

    detector = _detector(context, context_aware)
    folder = ScoreFolder(out_dir, detector)
    _say_what_scores_mean(detector, videos)
    others, strangers = folder.others(videos)
    if others:
        by = f", {strangers} of them by another detector: score them again to compare" if strangers else ""
        say(f"{out_dir} holds scores of {others} other videos, which are kept{by}")
    failed = unread = 0
    try:
        for video, name in zip(videos, _page_names(videos), strict=True):
            try:
                part = _score_with_progress(folder, video, name, context, video_stream)
            except Exception as error:  # whatever a file does, the others are scored
                failed += 1
                unread += isinstance(error, VideoError)
                words = str(error) if isinstance(error, TracesError) else f"{type(error).__name__}: {error}"
                warn("not scored", words if str(video) in words else f"{video}: {words}")
                continue
            failed += part.facts["broken"] is not None
            unread += part.facts["broken"] is not None
            _say(video, part, out_dir / f"{name}.html")
    finally:
        tables = folder.write()
    for table in tables:
        say(f"{table.stem:9} {table}")
    if failed:
        say(f"{failed} of {len(videos)} videos were not scored to their end", to=err)
        if unread:
            say(f"`traces probe` says what is seen of the {unread} that could not be read", to=err)
        raise typer.Exit(1)


@app.command()
def explain(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    at: Annotated[float, typer.Option(help="The moment to explain (seconds).")],
    context: Context = None,
    stream: Annotated[str, typer.Option(help=f"One of {_STREAMS}.")] = LATE,
    page: Annotated[Path | None, typer.Option("--out", help="Write it as a page, too.")] = None,
    video_stream: VideoStream = None,
) -> None:
    """Say why one moment has its score: the nearest traces on both sides."""
    from dataclasses import replace

    from traces_core.detector.page import video_report
    from traces_core.report import write_video_report

    if page is not None:
        writable_folder(page.parent)
    if stream not in STREAMS:
        raise typer.BadParameter(f"{stream!r} is none of {', '.join(STREAMS)}", param_hint="--stream")
    detector = _detector(context, context_aware=STREAMS[stream].system == "context_aware")
    _say_what_scores_mean(detector, [video])
    try:
        scored = detector.score(video, context, stream=video_stream)
        if stream not in scored.tracks:
            raise typer.BadParameter(
                f"{stream!r} is none of {', '.join(scored.tracks)}", param_hint="--stream"
            )
        moment = detector.explain(scored, at, stream)
    except (TracesError, ValueError) as error:
        fail(str(error))
    threshold = scored.thresholds[stream]
    side = "above" if moment.score > threshold else "below"
    line = f"{stream} {moment.score:+.3f}, {side} its threshold {threshold:+.3f}"
    if detector.context_aware is not None and (why := detector.context_aware.because(scored.tracks, at)):
        line += f"; mismatch: {why}"
    say(f"{video} at {moment.time_s:.2f} s: {line}")
    table = Table("side", "similarity", "class", "trace")
    for name, near in (("anomalous", moment.anomalous), ("normal", moment.normal)):
        for text, similarity, label in near:
            table.add_row(name, f"{similarity:.3f}", label, text)
    out.print(table)
    if page is not None:
        write_video_report(page, replace(video_report(detector.explainer, scored), moments=(moment,)))
        say(f"page  {page}")


@app.command()
def benchmark(
    ablations: Annotated[bool, typer.Option(help="Make the ablations, too (an hour on two cores).")] = False,
) -> None:
    """Make the result table of the checkout: what `make demo` does, or `make benchmark`."""
    _run_graph("benchmark" if ablations else "demo")


@app.command()
def make(
    selection: Annotated[
        str,
        typer.Argument(
            help="Dagster's: '+key:context_gate' is it and all it needs, 'adapters+' what follows."
        ),
    ],
) -> None:
    """Make assets of the graph, every part of them; what is stored under its recipe is not computed again."""
    _run_graph("assets", "--select", selection)


@app.command()
def save(
    folder: Annotated[Path, typer.Argument(help="A new folder; `detector:` of cameras.yaml names it.")],
) -> None:
    """Copy the detector that the graph made last to a folder, for a machine without this checkout."""
    from traces_core.detector.saved import save_detector
    from traces_core.project import Project

    say(f"the detector lies in {save_detector(Project.here(), folder)}")


@app.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without, it is only listed.")] = False,
) -> None:
    """List what is no longer current in the store, by artifact, and with --yes delete it."""
    from traces_core.settings import Machine, Settings
    from traces_core.store.packs import opened

    Settings.load()  # refuses the folder of another project
    store = opened(Machine.here().data)
    unused = store.unused()
    if not unused:
        say(f"{store.root}: nothing to free, everything is current")
        return
    table = Table("artifact", box=None, pad_edge=False)
    for heading in ("files", "MiB"):
        table.add_column(heading, justify="right")
    for one in unused:
        table.add_row(one.name, str(one.files), f"{one.bytes / 2**20:.1f}")
    out.print(table)
    total = f"{sum(one.bytes for one in unused) / 2**20:.1f} MiB in {store.root}"
    if not yes:
        say(f"{total} would be freed: traces prune --yes")
        return
    say(f"freed {store.prune() / 2**20:.1f} MiB of {total}")


@app.command()
def settings() -> None:
    """List every setting with its value, bounds and meaning."""
    from traces_core.commands.doctor import settings_table

    try:
        out.print(settings_table())
    except TracesError as error:
        fail(str(error))


@app.command()
def doctor() -> None:
    """Check versions, weights, device, folders and what the graph has made; say what to do."""
    from traces_core.commands.doctor import examine

    findings = examine()
    table = Table("", "what", "found", "do", box=None, pad_edge=False)
    for one in findings:
        verdict = styled("ok", "green") if one.is_well else styled("no", "red")
        table.add_row(verdict, one.what, one.detail, one.do)
    out.print(table)
    if any(one.is_needed and not one.is_well for one in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; an error of TRACES is printed as a sentence, not as a traceback."""
    guard_output()
    try:
        app()
    except Exception as error:
        known = error if isinstance(error, TracesError) else storage_error(error)
        if known is None:
            raise
        warn("error", str(known))
        sys.exit(1)


def _run_graph(*words: str) -> NoReturn:
    """Hand over to the orchestrator, in a process of its own."""
    from traces_core.settings import project_root

    command = [sys.executable, "-m", "pipelines.run", *words]
    raise typer.Exit(subprocess.run(command, cwd=project_root(), check=False).returncode)


def _detector(context: str | None, context_aware: bool = False) -> Detector:
    from traces_core.detector.detector import Detector

    with err.status("loading encoders and bank"):
        detector = Detector.load(context_aware=context_aware)
    if context is not None:
        detector.judge.bank.trace_ids("normal", [context])  # refuses an unknown name, with the nearest one
    return detector


def _say_what_scores_mean(detector: Detector, videos: Sequence[Path]) -> None:
    """Once, before any number of real footage: what these encoders know of it, and whose threshold it is."""
    from traces_core.detector import own_footage

    project = detector.project
    if all(own_footage.is_practice(project, video) for video in videos):
        return
    for notice in own_footage.notices(project.settings, detector.thresholds, of_practice=False):
        warn("note", notice, style="bold yellow")
    warn("note", own_footage.threshold_source(project.settings), style="bold yellow")


def _score_with_progress(
    folder: ScoreFolder, video: Path, page: str, context: str | None, stream: int | None
) -> Artifact:
    name = printable(Path(video.name))
    with err.status(name) as status:

        def show(at_s: float) -> None:
            status.update(styled(f"{name}: {at_s:.0f} s seen"))

        return folder.score(video, page, context, show, stream=stream)


def _say(video: Path, part: Artifact, page: Path) -> None:
    late = part.facts["episodes"]
    where = ", ".join(f"{start_s:.1f}-{end_s:.1f} s" for start_s, end_s in late[:5]) or "none"
    more = f" and {len(late) - 5} more" if len(late) > 5 else ""
    before = "" if part.computed else "  (scored before)"
    say(f"{part.facts['end_s']:.1f} s{before}", title=video.name)
    say(f"  episodes above the threshold: {where}{more}")
    say(f"  page {page}")
    for note in part.facts["notes"]:
        say(f"  note {note}")
    if part.facts["broken"] is not None:
        warn("broken", str(part.facts["broken"]))


NAME_BYTES = 200
"""Bytes of a page's name at most: file systems allow 255, and its temporary name is longer."""


def _page_names(videos: Sequence[Path]) -> list[str]:
    """A file name for each video's page; equal stems get a number, long ones end in their digest."""
    names: list[str] = []
    for video in videos:
        stem, number = printable(Path(video.stem)), 2
        if len(stem.encode()) > NAME_BYTES:
            stem = f"{stem.encode()[: NAME_BYTES - 17].decode(errors='ignore')}-{digest(stem)}"
        name = stem
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names


if __name__ == "__main__":
    main()
