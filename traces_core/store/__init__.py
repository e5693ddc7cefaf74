"""The store: artifacts beside their recipes, and the fingerprints that recipes are made of.

    artifacts     what was made, found again by its recipe      digest  of values, of files, of code
    array_writer  arrays that are written row by row            dry_run what is out of date, and why

What an artifact means, and which assets there are, is not known here: see `traces_core.steps`.
"""

from __future__ import annotations

from traces_core.store.artifact import ONLY, Artifact
from traces_core.store.artifacts import Store, recipe_of

__all__ = ["ONLY", "Artifact", "Store", "recipe_of"]
