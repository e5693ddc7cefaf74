"""Scenes: the sentence about the place, and its controls."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from traces_core.errors import CatalogError
from traces_core.text.scenes import GENERIC, scene_sentence


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Three contexts; each scene names its own."""
    for name in ("attic", "barn", "cellar"):
        values = {
            "context": name,
            "scene": f"The {name} on a quiet day.",
            "normal": ["A cat sleeps."],
            "anomalous": {"fire": ["A box burns.", "Flames rise from a box."]},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


@pytest.mark.parametrize(
    ("scene", "context", "in_use", "expected"),
    [
        ("matched", "barn", ("barn", "attic"), "The barn on a quiet day."),
        ("none", "barn", ("barn", "attic"), None),
        ("generic", "barn", ("barn", "attic"), GENERIC),
        (
            "mismatched",
            "attic",
            ("cellar", "attic"),
            "The cellar on a quiet day.",
        ),  # not the barn: not in use
        ("mismatched", "cellar", ("cellar", "attic"), "The attic on a quiet day."),  # around the end
        ("mismatched", "barn", ("barn",), "The cellar on a quiet day."),  # alone: from the whole catalog
        ("mismatched", "cellar", ("cellar",), "The attic on a quiet day."),
    ],
)
def test_each_control_says_what_its_name_says(catalog, scene, context, in_use, expected) -> None:
    assert scene_sentence(scene, context, in_use, catalog) == expected


def test_a_mismatch_gives_every_scene_away_once_and_none_to_its_own_context(catalog: Path) -> None:
    names = ("cellar", "attic", "barn")
    own = [scene_sentence("matched", name, names, catalog) for name in names]
    given = [scene_sentence("mismatched", name, names, catalog) for name in names]
    assert sorted(own) == sorted(given)
    assert all(mine != other for mine, other in zip(own, given, strict=True))


def test_a_catalog_of_one_context_has_no_mismatch_and_says_so(catalog: Path) -> None:
    for name in ("attic", "cellar"):
        (catalog / f"{name}.yaml").unlink()
    with pytest.raises(CatalogError, match=r"barn is the only context.*corpus\.scene"):
        scene_sentence("mismatched", "barn", ("barn",), catalog)
