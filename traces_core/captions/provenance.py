"""What a file of scores or captions was made from; kept within the file itself.

Parquet keeps it in its own metadata, under the key `traces`; readers that do not know it see a plain table.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.captions.settings import CaptionSettings
from traces_core.captions.stream import STREAM, CaptionScorer
from traces_core.captions.table import RULES, CaptionTable
from traces_core.disk import aside, unreadable
from traces_core.store.digest import canonical_json, digest, file_digest

KEY = "traces"


def provenance(scorer: CaptionScorer, table: CaptionTable, catalog: Path | str) -> dict[str, Any]:
    """Where scores come from: space, encoder, bank, catalog, settings, captions, version; JSON takes it."""
    bank = scorer.bank
    return {
        "stream": STREAM,
        "causal": True,
        "version": version("traces-vad"),
        "space": bank.space,
        "encoder": scorer.encoder.fingerprint,
        "bank": {"fingerprint": bank.fingerprint, "traces": len(bank), "classes": scorer.classes},
        "catalog": {"digest": catalog_digest(catalog, scorer.contexts), "contexts": scorer.contexts},
        "background": {"traces": scorer.behind, "weight": scorer.settings.background},
        "settings": judged_by(scorer.settings),
        "captions": {"fingerprint": table.fingerprint, **table.counts, "rules": list(RULES)},
    }


def judged_by(settings: CaptionSettings) -> dict[str, Any]:
    """The settings that change a score, with the scorer that is chosen and no other."""
    kept = {"near_duplicate_cosine", "background", "top_share", "departure", "trailing_s"}
    kept |= {"contexts", "classes"}
    scorer = {"name": settings.scoring.scorer, **settings.scoring.chosen.model_dump()}
    return {**settings.model_dump(include=kept), "scorer": scorer}


def catalog_digest(catalog: Path | str, contexts: Collection[str] = ()) -> str:
    """Digest of the files of some contexts; of all there are where none is named."""
    names = contexts or sorted(path.stem for path in Path(catalog).glob("*.yaml"))
    return digest({name: file_digest(Path(catalog) / f"{name}.yaml") for name in names})


def write_table(table: pl.DataFrame, made_from: Mapping[str, Any], path: Path | str) -> Path:
    """Write a table as Parquet with its provenance; a reader finds the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with aside(path) as half:
        table.write_parquet(half, metadata={KEY: canonical_json(made_from)})
    return path


def read_provenance(path: Path | str) -> dict[str, Any]:
    """What a file was made from, as `write_table` stated it.

    Raises
    ------
    CorruptArtifactError
        If the file says nothing of the kind.
    """
    try:
        with Path(path).open("rb") as source:  # to polars `file:` and `~/` are more than a name
            recorded: dict[str, Any] = json.loads(pl.read_parquet_metadata(source)[KEY])
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise unreadable(path, error, f"it does not say what it was made from ({error!r})") from error
    return recorded
