"""Step of the corpus: every trace of every context in use, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.digest import file_digest
from traces_core.store.running import step
from traces_core.text.catalog import Context, read_catalog
from traces_core.text.corpus import corpus_of, limit_traces, without_class
from traces_core.text.scenes import scene_sentence
from traces_core.text.writers.progress import progress_bar

DRAW = 0
"""Seed of the choice where the settings limit the traces."""


def contexts_in_use(project: Project) -> list[str]:
    """The contexts that the settings name, sorted."""
    return sorted(project.settings.corpus.contexts)


@step
def trace_corpus(project: Project, context: str) -> Artifact:
    """The traces of one context as a table; columns as in `traces_core.text.corpus.SCHEMA`."""
    settings, machine = project.settings.corpus, project.machine
    catalog, file = _read(machine.catalog, context)
    scene = scene_sentence(settings.scene, context, settings.contexts, machine.catalog)
    writer = project.writer()
    made_from = {
        "writer": [made_with(writer), writer.model and code_of(type(writer.model))],
        "file": file,
        "scene": scene,
        "settings": settings.model_dump(exclude={"contexts", "near_duplicate_cosine"}),
    }

    def write(path: Path) -> tuple[Path, Mapping[str, int]]:
        with progress_bar() as progress:
            [manuscript] = project.writer(progress).write([*catalog.values()])
        corpus = corpus_of([manuscript], scenes={} if scene is None else {context: scene})
        left_out = settings.left_out_class
        if left_out is not None and left_out in corpus["class"].unique():
            corpus = without_class(corpus, left_out)
        if settings.traces_per_side is not None:
            corpus = limit_traces(corpus, settings.traces_per_side, seed=DRAW)
        corpus.write_parquet(path.with_suffix(".parquet"))
        return path.with_suffix(".parquet"), manuscript.counts

    return project.store.remember_path("trace_corpus", context, made_from=made_from, write=write)


def _read(folder: Path, context: str) -> tuple[dict[str, Context], str]:
    """What the file of a context says, and its digest: of the same bytes, whoever edits it meanwhile."""
    while True:
        before = _digest(folder, context)
        catalog = read_catalog(folder, [context])  # one that says nothing sensible is refused by name
        if before == _digest(folder, context):
            return catalog, before


def _digest(folder: Path, context: str) -> str:
    path = folder / f"{context}.yaml"
    return file_digest(path) if path.exists() else ""


def write_ahead(project: Project) -> dict[str, int]:
    """Sentences by context, had from the writer in one call: an engine's batch is full then.

    Makes no artifact. The replies of a language model wait in its journal, where `trace_corpus` finds them.
    """
    with progress_bar() as progress:
        catalog = read_catalog(project.machine.catalog, contexts_in_use(project))
        manuscripts = project.writer(progress).write([*catalog.values()])
        return {one.context.context: len(one.drafts) for one in manuscripts}
