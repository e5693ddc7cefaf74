from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from traces_core.errors import CorruptArtifactError, MissingArtifactError, MixedSpacesError
from traces_core.fusion.saved import load_fusion, save_fusion
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.window_fusion import build_fusion
from traces_core.fusion.windows import fuse_windows

ENCODERS = {"space": "open_clip:pocket:1a2b3c4d", "window_encoder": "5e6f"}
KINDS = ("cross_attention", "concatenation", "mean")


def saved(path: Path, kind: str = "cross_attention") -> torch.nn.Module:
    settings = FusionSettings(kind=kind, heads=2, hidden=5)
    fusion = build_fusion(settings, dimensions=8, token_dimensions=6, window_frames=4)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.1)
    save_fusion(path, fusion, settings, **ENCODERS)
    return fusion


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_fuses_bit_for_bit_as_what_was_saved(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(5, 4, 8)).astype(np.float32)
    tokens = rng.normal(size=(5, 4, 6)).astype(np.float32)
    fusion = saved(tmp_path / "new" / "fusion.safetensors", kind)
    loaded = load_fusion(tmp_path / "new" / "fusion.safetensors", **ENCODERS)
    assert loaded.kind == kind
    assert not loaded.training
    assert np.array_equal(fuse_windows(loaded, frames, tokens), fuse_windows(fusion, frames, tokens))


def test_the_identity_that_ships_is_saved_as_the_identity(tmp_path: Path) -> None:
    asked = FusionSettings(kind="cross_attention")
    mean = build_fusion(FusionSettings(kind="mean"), dimensions=8, token_dimensions=6, window_frames=4)
    save_fusion(tmp_path / "f.safetensors", mean, asked, **ENCODERS)
    assert load_fusion(tmp_path / "f.safetensors", **ENCODERS).kind == "mean"


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_fusion_of_other_encoders_is_refused_and_both_are_named(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "f.safetensors")
    with pytest.raises(MixedSpacesError, match=f"'another'.*trained with '{ENCODERS[name]}'"):
        load_fusion(tmp_path / "f.safetensors", **{**ENCODERS, name: "another"})


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_beside_them(tmp_path: Path) -> None:
    saved(tmp_path / "one.safetensors")
    saved(tmp_path / "two.safetensors")
    saved(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.safetensors", "two.safetensors"]


@pytest.mark.parametrize("damage", ["cut", "foreign", "text"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "f.safetensors"
    saved(path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[:-40],
            "foreign": content.replace(b"traces-fusion-1", b"traces-fusion-9"),
            "text": b"not weights at all",
        }[damage]
    )
    with pytest.raises(CorruptArtifactError, match=r"f\.safetensors"):
        load_fusion(path, **ENCODERS)


def test_weights_that_do_not_fit_their_configuration_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    saved(path)
    # As long as before, so that the file stays whole: only what it claims is wrong.
    path.write_bytes(path.read_bytes().replace(rb"\"hidden\": 5", rb"\"hidden\": 7"))
    with pytest.raises(CorruptArtifactError, match="do not fit"):
        load_fusion(path, **ENCODERS)


def test_a_fusion_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="make demo"):
        load_fusion(tmp_path / "none.safetensors", **ENCODERS)
