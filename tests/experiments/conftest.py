"""A tiny sentence encoder for the experiments that read sentences, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_encoder import write_tiny_encoder

from traces_core.encoders.sentence import VARIABLE


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


@pytest.fixture(autouse=True)
def _no_encoder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
