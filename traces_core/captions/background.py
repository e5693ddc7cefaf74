"""Background: what other contexts of the catalog add to the sentences written for a place.

A dozen sentences a side leave most of what captions can say without a near neighbour. The background fills
the space between them, and takes its sides from them: it says nothing against what was written. Which
contexts answer themselves is in `stream`, how a scorer weighs sentences in `traces_core.scoring`.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.text.catalog import SIDES, read_catalog
from traces_core.text.corpus import write_corpus
from traces_core.types import Array

BACKGROUND, PRACTICE = "background", "practice"
"""Tags of contexts that answer only where they are named: background for all others; of the practice world,
whose sentences are written for a small encoder."""


def background_corpus(
    catalog: Path | str, corpus: pl.DataFrame, contexts: Collection[str], classes: Collection[str] = ()
) -> pl.DataFrame:
    """The traces that stand behind a corpus.

    Parameters
    ----------
    catalog
        Folder with one YAML file a context: the shipped one.
    corpus
        The traces that answer, of this catalog or of another one.
    contexts
        Contexts of `catalog` that answer already; none of them is background.
    classes
        Anomalous classes that may be background; none named: all.

    Returns
    -------
    pl.DataFrame
        Columns as in `traces_core.text.corpus.SCHEMA`. No sentence that the corpus holds, nothing of the
        practice world.

    Raises
    ------
    CatalogError
        If a file does not say what a context must say.
    """
    behind = {
        name: context
        for name, context in read_catalog(catalog).items()
        if name not in contexts and PRACTICE not in context.tags
    }
    traces = write_corpus(behind) if behind else corpus.clear()
    is_wanted = ~pl.col("text").is_in(corpus["text"].to_list())
    if classes:
        is_wanted &= (pl.col("side") == "normal") | pl.col("class").is_in(list(classes))
    return traces.filter(is_wanted)


def agrees(corpus: pl.DataFrame, vectors: Array, traces: pl.DataFrame, others: Array) -> NDArray[np.bool_]:
    """Which background traces may stand behind a corpus: those that it would take for the same side.

    A trace of the background stays where, of all that was written, something on its own side is nearest. So
    a fight is no anomaly where sparring was written down as normal.

    Parameters
    ----------
    corpus, traces
        What was written, N traces on both sides; the background, M traces. Column `side`.
    vectors, others : float32 arrays of shape (N, D) and (M, D)
        Their unit vectors.

    Returns
    -------
    bool array of shape (M,)

    Examples
    --------
    >>> written = pl.DataFrame({"side": ["normal", "anomalous"]})
    >>> behind = pl.DataFrame({"side": ["normal", "normal"]})
    >>> agrees(written, np.eye(2), behind, np.array([[0.8, 0.6], [0.6, 0.8]]))
    array([ True, False])
    """
    normal, anomalous = (
        (others @ vectors[(corpus["side"] == side).to_numpy()].T).max(axis=1, initial=-1.0) for side in SIDES
    )
    is_normal = (traces["side"] == "normal").to_numpy()
    is_nearer: NDArray[np.bool_] = np.where(is_normal, normal >= anomalous, anomalous >= normal)
    return is_nearer
