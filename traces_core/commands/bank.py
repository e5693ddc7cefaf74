"""`traces bank`: list the traces, check them, search them, add to them.

Only the commands are here: the checks are in `traces_core.text.gates`, the editing of a file in
`text.editing`, the making of a bank in `steps.knowledge`. What is made here is kept in the store but does
not become current: that is for the graph to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from traces_core.commands.consoles import err, out, say, warn
from traces_core.disk import aside, writable_folder, write_whole
from traces_core.errors import TracesError
from traces_core.printing import styled
from traces_core.report.formatting import number, plural

if TYPE_CHECKING:
    from traces_core.project import Project
    from traces_core.scoring import Explanation
    from traces_core.store import Artifact
    from traces_core.text import Finding

app = typer.Typer(no_args_is_help=True, help="Look at the traces, check them, ask them, add to them.")


class Side(Enum):
    """Sides of the bank."""

    NORMAL = "normal"
    ANOMALOUS = "anomalous"


Name = Annotated[str, typer.Argument(metavar="CONTEXT", help="A kind of place, as in catalog/.")]


@app.command("list")
def list_contexts() -> None:
    """List the contexts of the catalog: sentences on both sides, classes, and which are in use."""
    from traces_core.settings import Machine, Settings
    from traces_core.text import read_catalog

    in_use = Settings.load().corpus.contexts
    catalog = read_catalog(Machine.here().catalog)
    table = Table("context", "in use", box=None, pad_edge=False)
    for heading in ("normal", "anomalous"):
        table.add_column(heading, justify="right")
    table.add_column("classes")
    for name, context in catalog.items():
        counts = {label: len(texts) for label, texts in context.anomalous.items()}
        classes = ", ".join(f"{label} {count}" for label, count in counts.items())
        used = "yes" if name in in_use else ""
        table.add_row(name, used, str(len(context.normal)), str(sum(counts.values())), classes)
    out.print(table)
    labels = {label for context in catalog.values() for label in context.anomalous}
    say(f"{plural(len(catalog), 'context')}, {plural(len(labels), 'class', 'classes')}")


@app.command()
def show(context: Name) -> None:
    """Show what the catalog says about one context."""
    from traces_core.settings import Machine
    from traces_core.text import read_catalog

    description = read_catalog(Machine.here().catalog, [context])[context]
    say(description.scene, title=description.context)
    if description.tags:
        say(f"tags  {', '.join(description.tags)}")
    for heading, texts in (("normal", description.normal), *description.anomalous.items()):
        table = Table(f"{heading} ({len(texts)})", box=None, pad_edge=False)
        for text in texts:
            table.add_row(text)
        out.print()
        out.print(table)


@app.command()
def check(
    contexts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CONTEXT]...", help="Which; the whole catalog if not given."),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for what they cover: coverage.md, .png, .parquet.")
    ] = None,
) -> None:
    """Run the gates: what is wrong with the sentences, by their words and by their vectors.

    Status 1 where a gate would stop the graph.
    """
    from traces_core.steps import bank as bank_step
    from traces_core.steps import corpus as corpus_step

    if out_dir is not None:
        writable_folder(out_dir)
    project, names = _project(contexts)
    table = Table("", "context", "check", "found", box=None, pad_edge=False)
    corpora: list[Artifact] = []
    vectors: list[Artifact] = []
    errors = 0
    with err.status("checking") as status:
        for name in names:
            status.update(f"checking {name}")
            try:
                corpus = corpus_step.trace_corpus(project, name)
            except TracesError as error:
                errors += 1
                table.add_row(styled("error", "bold red"), name, "catalog", str(error))
                continue
            embedded = bank_step.trace_embeddings(project, corpus)
            corpora.append(corpus)
            vectors.append(embedded)
            findings = bank_step.corpus_findings(project, corpus, embedded)
            errors += sum(not one.passed and one.severity == "error" for one in findings)
            _add_findings(table, name, findings, all_of_them=contexts is not None)
    out.print(table)
    if out_dir is not None and corpora:
        _write_coverage(corpora, vectors, out_dir)
    if errors:
        say(f"{plural(errors, 'error')}: the graph would stop here", to=err)
        raise typer.Exit(1)


@app.command()
def search(
    sentence: Annotated[str, typer.Argument(help="What might be seen: 'a man climbs a fence'.")],
    context: Annotated[
        str | None, typer.Option(help="Ask only this context; all that are in use if not given.")
    ] = None,
    side: Annotated[Side | None, typer.Option(help="Show only this side.")] = None,
    k: Annotated[
        int | None, typer.Option("-k", min=1, help="Traces of a side; scoring.k if not given.")
    ] = None,
) -> None:
    """Find the traces nearest to a sentence on both sides, and the score it would have."""
    from traces_core.bank.bank import Bank
    from traces_core.scoring import explain, score_vectors
    from traces_core.steps.wiring import Artifacts

    project, _ = _project([context] if context else [])
    with err.status("loading the encoder and the bank"):
        bank = Bank.load(Artifacts(project)["trace_index"].path)
        vector = project.clip.encode_texts([sentence])  # (1, D)
    if unknown := project.clip.unknown_words(sentence):
        warn("warning", f"the text encoder has never seen: {', '.join(unknown)}", "yellow")
    asked = [context] if context else None
    scorer = project.settings.scoring.chosen
    explanation = explain(
        vector[0], bank, k=k or project.settings.scoring.k, space=project.clip.space, contexts=asked
    )
    score = float(score_vectors(vector, bank, space=project.clip.space, scorer=scorer, contexts=asked)[0])
    out.print(_matches_table(explanation, side))
    say(f"score {score:+.3f} by {project.settings.scoring.scorer}, of {context or 'all contexts in use'}")
    say(f"bank  {plural(len(bank), 'trace')} in {bank.space}")


@app.command()
def add(
    context: Name,
    sentences: Annotated[list[str], typer.Argument(help="What a camera sees; one or more, each in quotes.")],
    side: Annotated[Side, typer.Option(help="What may happen, or what must not.")],
    label: Annotated[str, typer.Option("--class", help="Its class, on the anomalous side.")] = "",
) -> None:
    """Write sentences into the file of a context; comments, order and quotes stay as they are."""
    from traces_core.settings import Machine, Settings
    from traces_core.text import read_catalog
    from traces_core.text.editing import add_sentences

    folder = Machine.here().catalog
    read_catalog(folder, [context])  # refuses an unknown name, with the nearest one
    path = folder / f"{context}.yaml"
    edited = add_sentences(path, sentences, side=side.value, label=label)
    count = len(edited.anomalous[label] if label else edited.normal)
    now = f"{path}: {label or side.value} has {plural(count, 'sentence')} now"
    say(now, title="added", style="green")
    if context not in Settings.load().corpus.contexts:
        say(f"not in use  add {context} to corpus.contexts in params.yaml")
    say(f"next   traces bank check {context}, then make demo: only what depends on it is rebuilt")


def _project(contexts: Sequence[str] | None) -> tuple[Project, list[str]]:
    """A project that makes nothing current, with the contexts asked for; None asks for all there are.

    Raises
    ------
    CatalogError
        If there is no file of such a context.
    """
    from traces_core.project import Project
    from traces_core.text.catalog import context_files

    project = Project.here()
    names = list(context_files(project.machine.catalog, contexts))
    in_use = project.settings.corpus.contexts
    return project.variant(corpus__contexts=sorted({*in_use, *names})), names


def _add_findings(table: Table, context: str, findings: Sequence[Finding], *, all_of_them: bool) -> None:
    """A row for each finding, or only for those that failed; one row where nothing did."""
    failed = [one for one in findings if not one.passed]
    for one in findings if all_of_them else failed:
        colour = "green" if one.passed else "bold red" if one.severity == "error" else "yellow"
        verdict = "ok" if one.passed else one.severity
        table.add_row(styled(verdict, colour), context, one.name, one.text)
    if not failed and not all_of_them:
        table.add_row(styled("ok", "green"), context, plural(len(findings), "check"), "")


def _write_coverage(corpora: list[Artifact], vectors: list[Artifact], folder: Path) -> None:
    from traces_core.report.coverage import coverage_markdown, coverage_picture
    from traces_core.steps import bank as bank_step

    covered = bank_step.corpus_coverage(corpora, vectors)
    write_whole(folder / "coverage.md", coverage_markdown(covered))
    write_whole(folder / "coverage.png", coverage_picture(covered))
    with aside(folder / "coverage.parquet") as half:
        covered.classes.write_parquet(half)
    say(f"coverage  {folder / 'coverage.md'}, coverage.png, coverage.parquet")


def _matches_table(explanation: Explanation, side: Side | None) -> Table:
    table = Table("side", "cosine", "context", "class", "trace", box=None, pad_edge=False)
    for name, matches in ((Side.ANOMALOUS, explanation.anomalous), (Side.NORMAL, explanation.normal)):
        for match in matches if side in (None, name) else ():
            one = match.trace
            table.add_row(name.value, number(match.similarity), one.context, one.label, one.text)
    return table
