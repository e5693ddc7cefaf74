"""The project: the store, the settings, the machine and the encoders. What every step is handed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from traces_core.encoders.clip import ClipEncoder
from traces_core.encoders.sentence import SentenceEncoder, chosen_model
from traces_core.encoders.settings import ClipSettings, TimesformerSettings
from traces_core.encoders.timesformer import TimesformerEncoder
from traces_core.settings import Machine, Settings
from traces_core.store import Store
from traces_core.store.packs import opened
from traces_core.text.writers import (
    Journal,
    PairWriter,
    Progress,
    Server,
    ShippedWriter,
    Writer,
    language_model,
)


@dataclass(frozen=True)
class Project:
    """What a step works with."""

    store: Store
    """Where artifacts are kept."""
    settings: Settings
    """What changes a result."""
    machine: Machine
    """What does not."""

    @classmethod
    def here(cls) -> Project:
        """The project of this checkout and this environment."""
        machine = Machine.here()
        return cls(opened(machine.data), Settings.load(), machine)

    def variant(self, **dotted: Any) -> Project:
        """The same store with other settings, making nothing current: for ablations."""
        return replace(self, store=self.store.aside(), settings=self.settings.with_values(**dotted))

    @property
    def clip(self) -> ClipEncoder:
        """The image and text encoder, loaded when first asked for."""
        return _load_clip(self.settings.clip, self.machine.device)

    @property
    def windows(self) -> TimesformerEncoder:
        """The window encoder, loaded when first asked for."""
        return _load_windows(self.settings.timesformer, self.machine.device)

    @property
    def sentences(self) -> SentenceEncoder:
        """The encoder of captions, loaded when first asked for."""
        return _load_sentences(chosen_model(self.settings.captions.text_encoder), self.machine.device)

    def writer(self, progress: Progress | None = None) -> Writer:
        """Who writes the traces, as the settings say; a language model's replies are kept in the store."""
        if self.settings.corpus.writer == "shipped":
            return ShippedWriter()
        model = language_model(self.settings.corpus.writer, self.settings.writing, Server.here())
        return PairWriter(model, self.clip, Journal(self.store.root / "writer_replies"), progress)


@lru_cache(maxsize=4)
def _load_clip(settings: ClipSettings, device: str) -> ClipEncoder:
    return ClipEncoder.load(settings, device)


@lru_cache(maxsize=4)
def _load_windows(settings: TimesformerSettings, device: str) -> TimesformerEncoder:
    return TimesformerEncoder.load(settings, device)


@lru_cache(maxsize=2)
def _load_sentences(model: str, device: str) -> SentenceEncoder:
    return SentenceEncoder.load(model, device)
