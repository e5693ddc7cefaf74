"""A context-aware model as a file: bit for bit, and refused where it does not belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_views import PREDICTOR, S, make_blueprint, make_model, make_views, unit

from traces_core.context_aware.saved import ModelEncoders, load_coder, load_model, save_coder, save_model
from traces_core.context_aware.scene import SceneReferences
from traces_core.context_aware.views import Views
from traces_core.errors import CorruptArtifactError, MissingArtifactError, MixedSpacesError

HERE = ModelEncoders("clip-a", "windows-a", "scenes-a")
PLACES = SceneReferences(("shop", "street"), unit(np.random.default_rng(0).normal(size=(2, S))))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, make_model(), make_blueprint(), HERE, PLACES)
    return path


def test_a_model_comes_back_bit_for_bit_with_the_scenes_of_its_training(file: Path) -> None:
    model, places = load_model(file, HERE)
    seen = Views.stack([make_views(np.random.default_rng(1))])
    with torch.no_grad():
        (there, _), (here, _) = make_model().eval()(seen), model(seen)
    assert torch.equal(there, here)
    assert not model.training
    assert places.names == PLACES.names
    np.testing.assert_array_equal(places.vectors, PLACES.vectors)


@pytest.mark.parametrize("name", ["space", "window_encoder", "scene_encoder"])
def test_a_model_of_another_encoder_is_refused_by_its_name(file: Path, name: str) -> None:
    with pytest.raises(MixedSpacesError, match=rf"{name}.*context_gate\+"):
        load_model(file, replace(HERE, **{name: "another"}))


def test_what_is_no_such_file_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError):
        load_model(tmp_path / "none.safetensors", HERE)
    save_coder(tmp_path / "coder.safetensors", make_model(), PREDICTOR, 3)
    with pytest.raises(CorruptArtifactError, match="format"):
        load_model(tmp_path / "coder.safetensors", HERE)
    with pytest.raises(CorruptArtifactError, match="format"):
        load_coder(file, make_model())


def test_a_predictor_that_was_trained_alone_joins_a_model(tmp_path: Path) -> None:
    alone, model = make_model(), make_model()
    with torch.no_grad():
        for parameter in alone.coder.parameters():  # type: ignore[union-attr]
            parameter.add_(1.0)
    save_coder(tmp_path / "coder.safetensors", alone, PREDICTOR, 3)
    load_coder(tmp_path / "coder.safetensors", model)
    ours, theirs = model.coder.state_dict(), alone.coder.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    other = make_blueprint()
    wider = replace(other, predictor=PREDICTOR.model_copy(update={"hidden": 9})).build()
    with pytest.raises(CorruptArtifactError, match="do not fit"):
        load_coder(tmp_path / "coder.safetensors", wider)
