"""What one changed sentence costs: its context is embedded, the bank is changed, nothing else is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from drawn_text_encoder import DrawnTextEncoder
from small_graph import made_bank

from traces_core.bank.bank import Bank
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps import bank as bank_step
from traces_core.store import Artifact, Store
from traces_core.store.digest import file_digest
from traces_core.types import Array

ROOT = Path(__file__).resolve().parents[2]
CONTEXTS = ("corridor", "shop", "street")


class Site(Project):
    """A project with that encoder."""

    @property
    def clip(self) -> DrawnTextEncoder:  # type: ignore[override]
        return ENCODERS.setdefault(self.machine.catalog, DrawnTextEncoder())


ENCODERS: dict[Path, DrawnTextEncoder] = {}


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


@pytest.fixture
def contexts_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The contexts whose traces and vectors the bank was given, in the order of reading."""
    read: list[str] = []

    def recording(corpora: list[Artifact], vectors: list[Artifact]) -> tuple[pl.DataFrame, Array]:
        read.extend(one.key for one in corpora)
        return kept(corpora, vectors)

    kept = bank_step.kept_traces
    monkeypatch.setattr(bank_step, "kept_traces", recording)
    return read


def test_one_changed_sentence_embeds_its_context_only(site: Site, contexts_read: list[str]) -> None:
    made_bank(site)
    contexts_read.clear()
    site.clip.asked.clear()
    made_bank(site)
    assert site.clip.asked == []
    old, new = _reword(site, "shop")
    _, bank = made_bank(site)
    texts = bank.corpus["text"].to_list()
    assert sorted(site.clip.asked) == sorted(site.store.current("trace_corpus", "shop").read()["text"])
    assert new in texts
    assert old not in texts
    assert contexts_read == ["shop"]


@pytest.mark.parametrize("change", ["reworded", "gone", "come"])
def test_a_bank_made_from_the_one_before_is_the_bank_that_is_rebuilt(
    site: Site, contexts_read: list[str], change: str
) -> None:
    fewer = site.settings.with_values(corpus__contexts=("corridor", "street"))
    start = Site(site.store, fewer, site.machine) if change == "come" else site
    made_bank(start)
    if change == "reworded":
        _reword(site, "shop")
    after = Site(site.store, fewer, site.machine) if change == "gone" else site
    contexts_read.clear()
    index, _ = made_bank(after)
    assert contexts_read == ([] if change == "gone" else ["shop"])
    assert file_digest(index.path) == file_digest(_rebuilt(after))


def test_a_bank_made_otherwise_or_damaged_is_not_started_from(site: Site, contexts_read: list[str]) -> None:
    index, _ = made_bank(site)
    other = Site(site.store, site.settings.with_values(bank__exact_up_to=2000), site.machine)
    contexts_read.clear()
    made_bank(other)
    assert contexts_read == [*CONTEXTS]
    made_bank(site)  # current again
    contexts_read.clear()
    (index.path / "vectors.npy").write_bytes(b"half")
    _reword(site, "shop")
    index, bank = made_bank(site)
    assert contexts_read == [*CONTEXTS]
    assert Bank.load(index.path).fingerprint == bank.fingerprint


def test_a_bank_of_which_most_has_changed_is_rebuilt(site: Site, contexts_read: list[str]) -> None:
    made_bank(site)
    _reword(site, "shop")
    _reword(site, "street")
    contexts_read.clear()
    made_bank(site)
    assert contexts_read == [*CONTEXTS]


def test_the_gate_alone_is_no_reason_to_make_the_bank_again(site: Site) -> None:
    made_bank(site)
    stricter = site.settings.with_values(bank__minimum_recall=1.0, bank__recall_at_k=7)
    assert not made_bank(Site(site.store, stricter, site.machine))[0].computed
