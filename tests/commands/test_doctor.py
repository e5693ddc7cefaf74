"""The doctor: what could be wrong with this machine or checkout, in words."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from traces_core.commands import doctor, main
from traces_core.commands.doctor import Diagnosis, examine

SMALL = "corpus: {contexts: [street]}\n"


def _by_name(findings: list[Diagnosis]) -> dict[str, Diagnosis]:
    return {one.what: one for one in findings}


def test_everything_is_looked_at_and_this_checkout_is_well(at_home: Path) -> None:
    diagnoses = _by_name(examine())
    names = {"python", "torch", "dagster", "dvc", "settings", "clip weights", "timesformer weights", "device"}
    assert names | {"free space", "catalog", "trace_index", "adapters", "thresholds"} <= set(diagnoses)
    assert [one.what for one in diagnoses.values() if one.is_needed and not one.is_well] == []
    assert "pocket-0" in diagnoses["clip weights"].detail


def test_what_is_not_well_says_what_to_do(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_DATA", str(at_home / "nothing" / "yet"))
    monkeypatch.setenv("TRACES_CATALOG", str(at_home / "no_catalog"))
    monkeypatch.setenv("TRACES_DEVICE", "cuda:99")
    diagnoses = _by_name(examine())
    assert all(one.do for one in diagnoses.values() if not one.is_well)
    assert not diagnoses["catalog"].is_well
    assert not diagnoses["trace_index"].is_well


def test_artifacts_that_are_not_made_yet_stop_nothing(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_DATA", str(at_home / "nothing" / "yet"))
    diagnoses = _by_name(examine())
    assert not diagnoses["trace_index"].is_well
    assert not diagnoses["trace_index"].is_needed
    assert diagnoses["trace_index"].do == "make demo"
    assert "GiB" in diagnoses["free space"].detail


def test_an_absent_sentence_encoder_is_named_and_stops_nothing(
    at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("TRACES_TEXT_ENCODER", "/nowhere/at/all")
    diagnosis = _by_name(examine())["sentence encoder"]
    assert "TRACES_TEXT_ENCODER" in diagnosis.detail
    assert not diagnosis.is_well
    assert not diagnosis.is_needed
    monkeypatch.delenv("TRACES_TEXT_ENCODER")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(at_home / "nothing"))
    assert "not in the hub's cache yet" in _by_name(examine())["sentence encoder"].detail


def test_a_mistake_in_the_settings_is_found_and_the_rest_is_still_looked_at(
    at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from traces_core.settings import project_root

    (tmp_path / "params.yaml").write_text(SMALL + "scoring: {kk: 1}\n")
    monkeypatch.chdir(tmp_path)
    project_root.cache_clear()
    diagnoses = _by_name(examine())
    assert not diagnoses["settings"].is_well
    assert "scoring.kk" in diagnoses["settings"].detail
    assert "device" in diagnoses
    assert "clip weights" not in diagnoses


def test_weights_that_are_not_there_are_found_missing(
    at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from traces_core.settings import project_root

    (tmp_path / "params.yaml").write_text(SMALL + f"clip: {{model: {tmp_path / 'no_such_folder'}}}\n")
    monkeypatch.chdir(tmp_path)
    project_root.cache_clear()
    diagnoses = _by_name(examine())
    assert not diagnoses["clip weights"].is_well
    assert diagnoses["timesformer weights"].is_well


def test_what_to_install_is_printed_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main.out, "_width", 300)
    monkeypatch.setattr(doctor.importlib.metadata, "version", Mock(side_effect=PackageNotFoundError))
    findings = [doctor._vllm(), Diagnosis("[/y]", "\x1b[2J", True)]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    told = CliRunner().invoke(main.app, ["doctor"]).stdout
    assert "pip install 'traces-vad[vllm]' elsewhere" in told
    assert "[/y]" in told
    assert " \\x1b[2J" in told
