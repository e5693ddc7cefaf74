"""Steps of the bank: the traces as vectors, and all contexts searchable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from traces_core.bank.bank import Bank
from traces_core.errors import CorruptArtifactError, MissingArtifactError
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.running import step
from traces_core.text.corpus import join_corpora
from traces_core.text.coverage import Coverage, coverage
from traces_core.text.duplicates import find_repetitions, readable_rows
from traces_core.text.gates import CorpusLimits, Finding, check_corpus
from traces_core.types import Array


@step
def trace_embeddings(project: Project, trace_corpus: Artifact) -> Artifact:
    """One unit vector a trace, its id beside it, and which traces the bank takes.

    `kept` is 0 where a trace repeats another one, in the same words or nearly; `facts` counts them.
    """
    near = project.settings.corpus.near_duplicate_cosine

    def embed(path: Path) -> tuple[Path, Mapping[str, int]]:
        table = trace_corpus.read()
        texts = table["text"].to_list()
        vectors = project.clip.encode_texts(texts)
        readable = readable_rows(texts, project.clip.unknown_words)
        repetitions = find_repetitions(table, vectors, near=near, readable=readable)
        arrays = {
            "trace_id": table["trace_id"].to_numpy(),
            "vectors": vectors,
            "kept": repetitions.kept.astype(np.uint8),
        }
        path = path.with_suffix(".safetensors")
        save_file(arrays, path)
        return path, {"exact_duplicates": len(repetitions.exact), "near_duplicates": len(repetitions.near)}

    made_from = {
        "corpus": trace_corpus.fingerprint,
        "text_encoder": made_with(project.clip),
        "near_duplicate_cosine": near,
    }
    return project.store.remember_path("trace_embeddings", trace_corpus.key, made_from=made_from, write=embed)


def kept_traces(corpora: list[Artifact], vectors: list[Artifact]) -> tuple[pl.DataFrame, Array]:
    """The traces that a bank takes, in the order of `join_corpora`, and their vectors row by row.

    Raises
    ------
    CorruptArtifactError
        If the vectors of a context are of other traces than its corpus.
    """
    by_context = {entry.key: entry for entry in vectors}
    tables, units, ids = [], [], []
    for corpus in corpora:
        entry, table = by_context[corpus.key], corpus.read()
        arrays = entry.read()
        if not np.array_equal(np.sort(arrays["trace_id"]), np.sort(table["trace_id"].to_numpy())):
            raise CorruptArtifactError(entry.path, f"its vectors are not of the traces of {corpus.path}")
        kept = arrays["kept"].astype(bool)
        tables.append(table.filter(pl.col("trace_id").is_in(arrays["trace_id"][kept])))
        units.append(arrays["vectors"][kept])
        ids.append(arrays["trace_id"][kept])
    rows = pl.DataFrame({"trace_id": np.concatenate(ids)}).with_row_index("row")
    joined = join_corpora(tables)
    order = joined.join(rows, on="trace_id", maintain_order="left")["row"]
    return joined, np.concatenate(units)[order.to_numpy()]


def corpus_coverage(corpora: list[Artifact], vectors: list[Artifact]) -> Coverage:
    """What the traces of some contexts cover, class by class."""
    return coverage(*kept_traces(corpora, vectors))


def corpus_findings(project: Project, corpus: Artifact, vectors: Artifact | None = None) -> list[Finding]:
    """What the gates say about one context's traces."""
    unit = None if vectors is None else vectors.read()["vectors"]
    limits = CorpusLimits(near_duplicate=project.settings.corpus.near_duplicate_cosine)
    clip = project.clip
    return check_corpus(
        corpus.read(), unit, unknown_words=clip.unknown_words, encode=clip.encode_texts, limits=limits
    )


@step
def trace_index(project: Project, trace_corpus: list[Artifact], trace_embeddings: list[Artifact]) -> Artifact:
    """The bank of all contexts: a folder that `Bank.load` reads.

    It is made from the bank that is current, where that was made alike and fewer than half of the contexts
    differ: only these are read, and only what is new in them goes through the index.
    """
    vectors = {entry.key: entry for entry in trace_embeddings}
    parts = {corpus.key: (corpus, vectors[corpus.key]) for corpus in trace_corpus}
    made_from = {
        "corpora": {name: corpus.fingerprint for name, (corpus, _) in parts.items()},
        "vectors": {name: unit.fingerprint for name, (_, unit) in parts.items()},
        "space": project.clip.space,
        "settings": project.settings.bank.model_dump(exclude={"recall_at_k", "minimum_recall"}),
    }

    def build(folder: Path) -> tuple[Path, dict[str, Any]]:
        start = _bank_to_start_from(project, made_from)
        if start is None:
            made = Bank.build(
                *kept_traces(trace_corpus, trace_embeddings), project.clip.space, project.settings.bank
            )
        else:
            old, changed = start
            came = {
                name: kept_traces(*([one] for one in parts[name])) for name in sorted(changed & set(parts))
            }
            made = old.with_contexts(came, changed - set(parts))
        facts = {"traces": len(made), "contexts": len(made.contexts)}
        return made.save(folder), facts

    index = project.store.remember_path("trace_index", made_from=made_from, write=build)
    for name in ("trace_corpus", "trace_embeddings"):
        project.store.keep_only(name, parts)
    return index


def _bank_to_start_from(project: Project, made_from: Mapping[str, Any]) -> tuple[Bank, set[str]] | None:
    """The current bank and the contexts in which it differs, if it is worth starting from."""
    try:
        current = project.store.current("trace_index")
        about = project.store.recipe_of_current("trace_index")
        before = about["made_from"]
        alike = about["code"] == code_of(trace_index) and all(
            before.get(name) == made_from[name] for name in ("space", "settings")
        )
        was, now = (
            {name: (one["corpora"][name], one["vectors"][name]) for name in one["corpora"]}
            for one in (before, made_from)
        )
        changed = {name for name in {*was, *now} if was.get(name) != now.get(name)}
        if not alike or 2 * len(changed) > len(now):
            return None
        return Bank.load(current.path), changed
    except (MissingArtifactError, CorruptArtifactError):
        return None  # there is none, or none to rely on: it is built from all contexts
