"""A tiny sentence encoder, made once a session; tests write the catalogs and tables that they read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_encoder import write_tiny_encoder

from traces_core.encoders.sentence import VARIABLE, SentenceEncoder


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> SentenceEncoder:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        return SentenceEncoder.load(str(encoder_folder))


@pytest.fixture(autouse=True)
def _no_encoder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
