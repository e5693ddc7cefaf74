"""Scenes: which sentence about the place joins the normal side of a context, and the controls for it.

Only the choice of the sentence is here; that it is a normal trace like any other, `corpus` sees to.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from traces_core.errors import CatalogError
from traces_core.text.catalog import read_context

SceneChoice = Literal["none", "matched", "generic", "mismatched"]

GENERIC = "A place seen by a fixed camera."
"""The sentence about every place: what a scene sentence is worth that says nothing about the scene."""


def scene_sentence(
    scene: SceneChoice, context: str, in_use: Iterable[str], catalog: Path | str
) -> str | None:
    """The sentence about the place that a context's normal side gets.

    Parameters
    ----------
    scene
        `matched`: the context's own scene sentence. `generic`: `GENERIC`. `mismatched`: the scene sentence
        of the next context in alphabetical order, the first one's for the last. `none`: no sentence.
    context
        Whose normal side it is for.
    in_use
        The contexts that the detector knows, `context` among them. Where it is the only one, a mismatch
        comes from the next context of the whole catalog.
    catalog
        Folder of the catalog.

    Raises
    ------
    CatalogError
        If a file does not say what a context must say, or a mismatch is asked for and there is no other
        context at all.

    Notes
    -----
    On the normal side only: a scene description on both sides costs AUC (0.707 to 0.666 on ShanghaiTech),
    on the normal side it gains (0.734), and a wrong one costs most (0.628); see PAPERS, section 3. So
    whoever reports the gain of `matched` should report `generic` and `mismatched` beside it.
    """
    if scene == "none":
        return None
    if scene == "generic":
        return GENERIC
    source = context if scene == "matched" else _next_after(context, set(in_use), Path(catalog))
    return read_context(Path(catalog) / f"{source}.yaml").scene


def _next_after(context: str, in_use: set[str], catalog: Path) -> str:
    others = in_use - {context} or {path.stem for path in catalog.glob("*.yaml")} - {context}
    if not others:
        raise CatalogError(
            catalog, None, f"{context} is the only context", do="Add another, or set corpus.scene to matched."
        )
    return min((name for name in others if name > context), default=min(others))
