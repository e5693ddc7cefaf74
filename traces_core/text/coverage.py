"""What a corpus covers, as its encoder sees it: each class, its gap to the normal side, what it is near.

Numbers only. The picture of them is in `traces_core.report.coverage`; what must not be is in `gates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from traces_core.text.duplicates import Rows, row_groups
from traces_core.text.vector_gates import mean_within
from traces_core.types import Array


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the classes of a corpus cover."""

    classes: pl.DataFrame
    """One row a class, sorted by its name: `class`, `contexts` and `traces` (counts), `normal` (normal
    sentences of those contexts), `within` (mean cosine of two of its sentences), `to_normal` (mean cosine
    with the normal ones), `gap` (`within` − `to_normal`: how far the sides are apart), `nearest_class` and
    `nearest_class_cosine` (of centroids), `nearest_normal` and `nearest_normal_cosine` (sentence nearest to
    the centroid). Null where there is nothing to compare with."""
    names: tuple[str, ...]
    """`normal` and the classes: rows and columns of `cosines`."""
    cosines: Array
    """float32 array of shape (C, C): cosines of the centroids."""

    @property
    def smallest_gap(self) -> float | None:
        """Gap of the class that is nearest to normal life; None where no class has one."""
        gaps = self.classes["gap"].drop_nulls().to_list()
        return min(gaps, default=None)


def coverage(corpus: pl.DataFrame, vectors: Array) -> Coverage:
    """What a corpus covers, over all of its contexts.

    A class is compared with the normal sentences of the contexts that have it. Costs one pass over the
    vectors: mean cosines come from sums.

    Parameters
    ----------
    corpus
        Columns `context`, `side`, `class`, `text`; N rows in any order.
    vectors : float32 array of shape (N, D)
        Unit vectors of the sentences, row by row.

    Raises
    ------
    ValueError
        If there is not one vector for each sentence.
    """
    if len(vectors) != len(corpus):
        raise ValueError(f"coverage: {len(vectors)} vectors for {len(corpus)} sentences")
    is_normal = (corpus["side"] == "normal").to_numpy()
    where = np.flatnonzero(~is_normal)
    groups = [where[group] for group in row_groups(corpus[where].select("class"), "class")]
    names = ("normal", *(corpus["class"][int(rows[0])] for rows in groups))
    centroids = np.stack([_centroid(vectors[rows]) for rows in (np.flatnonzero(is_normal), *groups)])
    cosines: Array = centroids @ centroids.T  # (C, C)
    rows = [
        _row(corpus, vectors, group, is_normal) | _nearest_class(names, cosines, place)
        for place, group in enumerate(groups, start=1)
    ]
    return Coverage(pl.DataFrame(rows, schema=_COLUMNS), names, cosines)


_COLUMNS = pl.Schema(
    {
        "class": pl.String(),
        "contexts": pl.Int64(),
        "traces": pl.Int64(),
        "normal": pl.Int64(),
        "within": pl.Float64(),
        "to_normal": pl.Float64(),
        "gap": pl.Float64(),
        "nearest_class": pl.String(),
        "nearest_class_cosine": pl.Float64(),
        "nearest_normal": pl.String(),
        "nearest_normal_cosine": pl.Float64(),
    }
)


def _row(corpus: pl.DataFrame, vectors: Array, group: Rows, is_normal: Array) -> dict[str, object]:
    contexts = corpus["context"][group].unique()
    against = np.flatnonzero(corpus["context"].is_in(contexts.implode()).to_numpy() & is_normal)
    inside, normal = vectors[group], vectors[against]
    within = mean_within(inside) if len(inside) > 1 else None
    row: dict[str, object] = {
        "class": corpus["class"][int(group[0])],
        "contexts": len(contexts),
        "traces": len(group),
        "normal": len(against),
        "within": within,
    }
    if len(against) == 0:
        return row
    to_normal = float(inside.mean(axis=0) @ normal.mean(axis=0))
    near = normal @ _centroid(inside)
    return row | {
        "to_normal": to_normal,
        "gap": None if within is None else within - to_normal,
        "nearest_normal": corpus["text"][int(against[near.argmax()])],
        "nearest_normal_cosine": float(near.max()),
    }


def _nearest_class(names: tuple[str, ...], cosines: Array, place: int) -> dict[str, object]:
    others = [other for other in range(1, len(names)) if other != place]
    if not others:
        return {}
    near = max(others, key=lambda other: float(cosines[place, other]))
    return {"nearest_class": names[near], "nearest_class_cosine": float(cosines[place, near])}


def _centroid(vectors: Array) -> Array:
    """float32 array of shape (D,) and length 1; zeros where there is no vector."""
    total = vectors.sum(axis=0)
    centroid: Array = total / max(float(np.linalg.norm(total)), 1e-12)
    return centroid
