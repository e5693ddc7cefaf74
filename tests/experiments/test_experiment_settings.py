"""The settings files of the experiments: what is shipped is read, what is unknown is refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.ped2.settings import Ped2Settings
from experiments.real_captions.settings import RealCaptionsSettings
from experiments.settings import read_settings
from traces_core.errors import SettingsError

KINDS = [Ped2Settings, RealCaptionsSettings]


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_says_what_it_means(kind: type) -> None:
    for name, field in kind.model_fields.items():
        assert len((field.description or field.annotation.__doc__ or "").split()) >= 3, name


def test_a_seed_is_that_of_the_coder_and_of_the_foreground() -> None:
    seeded = Ped2Settings.load().seeded(7)
    assert (seeded.predictor.seed, seeded.foreground.seed) == (7, 7)
    assert seeded.seeded(0) == Ped2Settings.load()


@pytest.mark.parametrize(
    ("text", "named"),
    [("shrinks: 2\n", "shrinks"), ("predictor: {steps: 0}\n", "steps"), ("seeds: [\n", "not YAML")],
)
def test_a_file_that_says_something_wrong_is_refused(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=named) as refused:
        read_settings(Ped2Settings, file)
    assert str(file) in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_settings(RealCaptionsSettings, tmp_path / "params.yaml")
