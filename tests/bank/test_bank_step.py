"""What one changed sentence costs: its context is embedded, the bank is changed, nothing else is touched."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_graph import made_bank

from traces_core.bank.bank import Bank
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.store import Store
from traces_core.store.digest import file_digest
from traces_core.types import Array

ROOT = Path(__file__).resolve().parents[2]
CONTEXTS = ("corridor", "shop", "street")


class CountingEncoder:
    """A text encoder whose vectors are drawn by the sentence, and that remembers what it was asked."""

    fingerprint, space = "drawn", "drawn:1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Array:
        self.asked += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        drawn = np.stack([np.random.default_rng(seed).standard_normal(16) for seed in seeds])
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    def unknown_words(self, text: str) -> list[str]:
        return []


class Site(Project):
    """A project with that encoder."""

    @property
    def clip(self) -> CountingEncoder:  # type: ignore[override]
        return ENCODERS.setdefault(self.machine.catalog, CountingEncoder())


ENCODERS: dict[Path, CountingEncoder] = {}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in CONTEXTS:
        (tmp_path / "catalog").mkdir(exist_ok=True)
        shutil.copy(ROOT / "catalog" / f"{name}.yaml", tmp_path / "catalog")
    settings = Settings.load(ROOT, profile="").with_values(corpus__contexts=CONTEXTS)
    machine = Machine(data=tmp_path / "data", catalog=tmp_path / "catalog", reports=tmp_path, device="cpu")
    return Site(Store(machine.data), settings, machine)


def _reword(site: Site, context: str) -> tuple[str, str]:
    """Change one normal sentence of a context; gives the old one and the new one."""
    file = site.machine.catalog / f"{context}.yaml"
    sentence = yaml.safe_load(file.read_text(encoding="utf-8"))["normal"][0]
    file.write_text(
        file.read_text(encoding="utf-8").replace(sentence, f"{sentence} slowly", 1), encoding="utf-8"
    )
    return sentence, f"{sentence} slowly"


def _rebuilt(site: Site) -> Path:
    """The bank of the same catalog in an empty store."""
    return made_bank(Site(Store(site.machine.data / "rebuilt"), site.settings, site.machine))[0].path


def test_one_changed_sentence_embeds_its_context_only(site: Site) -> None:
    made_bank(site)
    site.clip.asked.clear()
    made_bank(site)
    assert site.clip.asked == []
    old, new = _reword(site, "shop")
    index, bank = made_bank(site)
    texts = bank.corpus["text"].to_list()
    assert sorted(site.clip.asked) == sorted(site.store.current("trace_corpus", "shop").read()["text"])
    assert new in texts
    assert old not in texts
    assert index.facts["contexts_read"] == 1


@pytest.mark.parametrize("change", ["reworded", "gone", "come"])
def test_a_bank_made_from_the_one_before_is_the_bank_that_is_rebuilt(site: Site, change: str) -> None:
    fewer = site.settings.with_values(corpus__contexts=("corridor", "street"))
    start = Site(site.store, fewer, site.machine) if change == "come" else site
    made_bank(start)
    if change == "reworded":
        _reword(site, "shop")
    after = Site(site.store, fewer, site.machine) if change == "gone" else site
    index, _ = made_bank(after)
    assert index.facts["contexts_read"] == {"reworded": 1, "gone": 0, "come": 1}[change]
    assert file_digest(index.path) == file_digest(_rebuilt(after))


def test_a_bank_made_otherwise_or_damaged_is_not_started_from(site: Site) -> None:
    index, _ = made_bank(site)
    other = Site(site.store, site.settings.with_values(bank__exact_up_to=2000), site.machine)
    assert made_bank(other)[0].facts["contexts_read"] == 3
    made_bank(site)  # current again
    (index.path / "vectors.npy").write_bytes(b"half")
    _reword(site, "shop")
    index, bank = made_bank(site)
    assert index.facts["contexts_read"] == 3
    assert Bank.load(index.path).fingerprint == bank.fingerprint


def test_a_bank_of_which_most_has_changed_is_rebuilt(site: Site) -> None:
    made_bank(site)
    _reword(site, "shop")
    _reword(site, "street")
    assert made_bank(site)[0].facts["contexts_read"] == 3


def test_the_gate_alone_is_no_reason_to_make_the_bank_again(site: Site) -> None:
    made_bank(site)
    stricter = site.settings.with_values(bank__minimum_recall=1.0, bank__recall_at_k=7)
    assert not made_bank(Site(site.store, stricter, site.machine))[0].computed
