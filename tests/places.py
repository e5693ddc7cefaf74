"""A small catalog and a table of captions in the words of the tiny encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

YARD = """\
context: yard
scene: A quiet yard by the road.
normal:
  - A cat sleeps on the wall.
  - A man waters the flowers.
  - A child plays with a dog.
  - The yard is empty at night.
anomalous:
  fire:
    - Flames on the shed at night.
    - Smoke and fire in the bin.
  theft:
    - A stranger steals the bicycle.
    - A person runs with the bag.
"""
CAPTIONS = (
    "A cat sleeps on the wall. Nothing happens.",
    "A man walks on the road.",
    "Smoke and flames by the shed. The house is burning. A dog runs.",
    "A stranger steals a bag. Two people fight in the street!",
    "The street is quiet. The yard is empty. It is day.",
)


def write_catalog(folder: Path, **more: str) -> Path:
    """A catalog with a yard, and whatever else is given as text by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"yard": YARD, **more}.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def captions(videos: int = 3, rows: int = 40, *, frames: int = 30, seed: int = 0) -> pl.DataFrame:
    """So many captions of so many frames each, drawn from `CAPTIONS`."""
    draw = np.random.default_rng(seed)
    first = np.tile(np.arange(rows) * frames, videos)
    return pl.DataFrame(
        {
            "video": np.repeat([f"v{number}.mp4" for number in range(videos)], rows),
            "first_frame": first,
            "last_frame": first + frames - 1,
            "caption": draw.choice(CAPTIONS, videos * rows),
        }
    )
