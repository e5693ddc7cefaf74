"""`traces captions`: score a table of captions by the sentences of a catalog, or have a VLM write one.

Words only: reading, scoring and writing are in `traces_core.captions`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from traces_core.commands.consoles import err, fail, say, warn
from traces_core.disk import storage_error, writable_folder
from traces_core.errors import TracesError
from traces_core.report.formatting import plural

if TYPE_CHECKING:
    import polars as pl

    from traces_core.captions.settings import CaptionSettings
    from traces_core.captions.stream import CaptionScorer
    from traces_core.captions.stream import Progress as ScoringProgress
    from traces_core.captions.table import CaptionTable
    from traces_core.text.findings import Finding

app = typer.Typer(no_args_is_help=True, help="Score captions of videos by a VLM, or have one write them.")

Captions = Annotated[
    Path,
    typer.Argument(help="Table video, caption and first_frame, last_frame or start_s, end_s; perhaps fps."),
]
Scores = Annotated[Path, typer.Option("--out", help="Table of scores to write, .parquet.")]
Catalog = Annotated[
    Path | None,
    typer.Option(
        help="Folder with a YAML file a context, a dozen sentences a side; the shipped one if none."
    ),
]
Contexts = Annotated[
    list[str] | None, typer.Option("--context", help="Only this context answers; repeat it for more.")
]
Classes = Annotated[
    list[str] | None, typer.Option("--class", help="Only this anomalous class answers; repeat it for more.")
]
Fps = Annotated[
    str | None, typer.Option(help="Frames per second, such as 25 or 30000/1001, where no column says it; 30.")
]


@app.command()
def score(
    captions: Captions,
    scores: Scores,
    catalog: Catalog = None,
    context: Contexts = None,
    label: Classes = None,
    fps: Fps = None,
) -> None:
    """Score a table of captions: how much nearer each is to what must not happen than to what may.

    Causal: a score rests on captions up to its own. The result is what `traces evaluate` reads. No language
    model is asked.
    """
    from traces_core.captions.provenance import provenance, write_table
    from traces_core.captions.table import DEFAULT_FPS, read_captions
    from traces_core.datasets import parse_rate
    from traces_core.settings import Machine, Settings

    try:
        if scores.suffix != ".parquet":
            raise typer.BadParameter("scores are written as .parquet", param_hint="--out")
        writable_folder(scores.parent)
        rate = DEFAULT_FPS if fps is None else parse_rate(fps, where="--fps")
        table = read_captions(captions, fps=rate)
        _say_table(captions, table)
        chosen = Settings.load().captions
        # The settings name what is in the shipped catalog; another catalog has names of its own.
        ours = catalog is None
        named = {
            "contexts": tuple(context or (chosen.contexts if ours else ())),
            "classes": tuple(label or (chosen.classes if ours else ())),
        }
        folder = catalog or Machine.here().catalog
        scorer, findings = _scorer(chosen.model_copy(update=named), folder)
        _say_scorer(scorer, findings)
        scored = _scored(table, scorer)
        write_table(scored, provenance(scorer, table, folder), scores)
    except (TracesError, OSError) as error:
        fail(str(storage_error(error) or error))
    say(f"written   {scores}")


@app.command()
def write(
    videos: Annotated[list[Path], typer.Argument(help="Video files; any container and codec.")],
    captions: Annotated[Path, typer.Option("--out", help="Table of captions to write, .parquet.")],
    model: Annotated[
        str | None, typer.Option(help="VLM, by its name at the server; captions.model if not given.")
    ] = None,
) -> None:
    """Have a VLM describe videos, window by window, into a table that `traces captions score` reads.

    The server is OpenAI-compatible, at OPENAI_BASE_URL, with OPENAI_API_KEY. Replies are kept beside the
    table as they come: the same command continues where the last one stopped.
    """
    from traces_core.captions.provenance import write_table
    from traces_core.captions.writer import CaptionWriter, VisionModel, made_from
    from traces_core.settings import Settings
    from traces_core.text.writers import Journal, Server
    from traces_core.text.writers.progress import progress_bar

    if captions.suffix != ".parquet":
        raise typer.BadParameter("captions are written as .parquet", param_hint="--out")
    replies = captions.with_suffix(".replies")
    try:
        writable_folder(captions.parent)
        chosen = Settings.load().captions
        chosen = chosen if model is None else chosen.model_copy(update={"model": model})
        with progress_bar(err) as progress:
            asked = VisionModel(chosen, Server.here())
            written = CaptionWriter(asked, chosen, Journal(replies), progress).write(videos)
        if len(written.captions):
            write_table(written.captions, made_from(chosen), captions)
    except (TracesError, OSError) as raised:
        error = storage_error(raised) or raised
        fail(f"{error} Replies so far: {replies}." if replies.is_dir() else str(error))
    for reason in written.broken.values():
        warn("broken", reason)
    for video, count in written.unanswered.items():
        warn(
            "unanswered", f"{video}: {plural(count, 'window')} without a usable reply; asked again next time"
        )
    if len(written.captions):
        described = plural(written.captions["video"].n_unique(), "video")
        say(f"written   {captions}, {plural(len(written.captions), 'caption')} of {described}")
    if written.broken or written.unanswered:
        raise typer.Exit(1)


def _scorer(settings: CaptionSettings, catalog: Path) -> tuple[CaptionScorer, list[Finding]]:
    from traces_core.encoders.sentence import SentenceEncoder
    from traces_core.settings import Machine
    from traces_core.steps.captions import caption_scorer

    machine = Machine.here()
    with err.status("loading the sentence encoder"):
        encoder = SentenceEncoder.load(settings.text_encoder, machine.device)
    with err.status("reading the catalog"):
        return caption_scorer(settings, encoder, catalog, shipped=machine.catalog)


def _scored(table: CaptionTable, scorer: CaptionScorer) -> pl.DataFrame:
    from traces_core.captions.stream import score_captions

    began = time.perf_counter()
    with _bar("sentences") as progress:
        scored = score_captions(table, scorer, progress)
    seconds = time.perf_counter() - began
    say(f"scored    {plural(len(table), 'caption')} in {seconds:.1f} s, {len(table) / seconds:,.0f} a second")
    return scored


def _say_table(path: Path, table: CaptionTable) -> None:
    counts = {name: count for name, count in table.counts.items() if name not in ("rows", "videos") and count}
    odd = ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
    say(f"captions  {path}, {plural(len(table), 'row')}, {plural(table.counts['videos'], 'video')}")
    say(f"rules applied  {odd}")


def _say_scorer(scorer: CaptionScorer, findings: Sequence[Finding]) -> None:
    settings, traces = scorer.settings, plural(len(scorer.corpus), "trace")
    contexts, classes = plural(len(scorer.contexts), "context"), ", ".join(scorer.classes)
    say(f"encoder   {scorer.bank.space}")
    say(f"bank      {traces}, {contexts}, classes {classes}; {settings.scoring.scorer}")
    if scorer.behind:
        say(f"behind it {plural(scorer.behind, 'trace')} that agree, weight {settings.background:g}")
    for one in findings:
        if not one.passed:
            warn("warning", f"{one.name}: {one.text}", "yellow")


@contextmanager
def _bar(what: str) -> Iterator[ScoringProgress]:
    """A bar on the terminal, removed when the work ends."""
    columns = (TextColumn(what), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bars:
        bar = bars.add_task("", total=None)
        yield lambda had, wanted: bars.update(bar, completed=had, total=wanted)
