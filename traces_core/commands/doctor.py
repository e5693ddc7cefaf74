"""What is wrong with this machine or this checkout, and what to do about it.

Only examines; nothing is repaired here.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from rich.table import Table

from traces_core.errors import TracesError
from traces_core.settings import Machine, Settings
from traces_core.store import Store
from traces_core.text.writers import Server, look

PACKAGES = (
    "torch",
    "open_clip_torch",
    "transformers",
    "faiss-cpu",
    "dagster",
    "dvc",
    "polars",
    "mlflow",
    "av",
)
LEAST_FREE_GIB = 2.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of one part of the machine or the checkout."""

    what: str
    """Which part."""
    detail: str
    """Its version, its place, or what is wrong with it."""
    is_well: bool
    """Whether it is as it should be."""
    do: str = ""
    """What to do where it is not."""
    is_needed: bool = True
    """Whether anything stops working without it."""


def examine() -> list[Diagnosis]:
    """Everything examined, in order: Python, packages, settings, weights, writer, device, folders."""
    findings = [_python(), *(_package(name) for name in PACKAGES), _vllm()]
    settings = _settings()
    findings.append(settings[1])
    if settings[0] is not None:
        findings += [_weights(settings[0], "clip"), _weights(settings[0], "timesformer")]
        findings += [_sentence_encoder(settings[0]), _writer(settings[0])]
    machine = Machine.here()
    return [*findings, _device(machine), *_folders(machine), *_artifacts(machine)]


def settings_table() -> Table:
    """Every setting: its dotted name, its value, its bounds, what it means."""
    table = Table("setting", "value", "bounds", "meaning")
    for row in _setting_rows(Settings.load()):
        table.add_row(*row)
    return table


def _setting_rows(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _setting_rows(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _formatted(value), _bounds(field.metadata), field.description or ""


def _formatted(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _bounds(metadata: Sequence[object]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return " ".join(
        f"{sign} {getattr(rule, key)}"
        for rule in metadata
        for key, sign in signs.items()
        if hasattr(rule, key)
    )


def _python() -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    return Diagnosis("python", version, (3, 11) <= sys.version_info[:2] < (3, 14), "use Python 3.11 to 3.13")


def _package(name: str) -> Diagnosis:
    try:
        return Diagnosis(name, importlib.metadata.version(name), True)
    except importlib.metadata.PackageNotFoundError:
        return Diagnosis(name, "not installed", False, "make demo installs it")


def _vllm() -> Diagnosis:
    try:
        return Diagnosis("vllm", importlib.metadata.version("vllm"), True)
    except importlib.metadata.PackageNotFoundError:
        do = "only to write traces with a language model: pip install 'traces-vad[vllm]' elsewhere"
        return Diagnosis("vllm", "not installed", False, do, is_needed=False)


def _settings() -> tuple[Settings | None, Diagnosis]:
    try:
        settings = Settings.load()
    except TracesError as error:
        return None, Diagnosis("settings", str(error), False, "repair the file")
    contexts = ", ".join(settings.corpus.contexts)
    return settings, Diagnosis("settings", f"params.yaml is sound; contexts {contexts}", True)


def _weights(settings: Settings, which: str) -> Diagnosis:
    from traces_core.encoders.clip import ClipEncoder
    from traces_core.encoders.timesformer import TimesformerEncoder

    load: dict[str, Callable[[], ClipEncoder | TimesformerEncoder]] = {
        "clip": lambda: ClipEncoder.load(settings.clip),
        "timesformer": lambda: TimesformerEncoder.load(settings.timesformer),
    }
    name = getattr(settings, which).model
    try:
        encoder = load[which]()
    except (TracesError, ValueError) as error:
        return Diagnosis(f"{which} weights", str(error), False, "see the message")
    return Diagnosis(f"{which} weights", f"{name}, {encoder.dimensions}-d, {encoder.fingerprint}", True)


def _sentence_encoder(settings: Settings) -> Diagnosis:
    from traces_core.encoders.sentence import chosen_model, find_sentence_encoder

    name = chosen_model(settings.captions.text_encoder)
    try:
        place = f"{name} in {find_sentence_encoder(name, may_fetch=False)}"
    except TracesError as error:
        do = "only to score captions; it is downloaded where the hub can be reached"
        return Diagnosis("sentence encoder", str(error), False, do, is_needed=False)
    return Diagnosis("sentence encoder", place, True)


def _writer(settings: Settings) -> Diagnosis:
    try:
        return Diagnosis("writer", look(settings.corpus.writer, settings.writing, Server.here()), True)
    except TracesError as error:
        return Diagnosis("writer", str(error), False, "see the message")


def _device(machine: Machine) -> Diagnosis:
    import torch

    there = torch.cuda.is_available()
    wanted = machine.device
    detail = f"{wanted}; CUDA {torch.cuda.get_device_name(0) if there else 'not there'}"
    return Diagnosis(
        "device", detail, there or not wanted.startswith("cuda"), "unset TRACES_DEVICE or set it to cpu"
    )


def _folders(machine: Machine) -> Iterator[Diagnosis]:
    disk = next(folder for folder in machine.data.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(disk).free / 2**30
    do = "free some space, or set TRACES_DATA to another disk; `make clean` deletes what can be made again"
    yield Diagnosis("free space", f"{free:.1f} GiB at {disk}", free >= LEAST_FREE_GIB, do)
    contexts = len(list(machine.catalog.glob("*.yaml")))
    yield Diagnosis(
        "catalog", f"{contexts} contexts in {machine.catalog}", contexts > 0, "set TRACES_CATALOG"
    )


def _artifacts(machine: Machine) -> Iterator[Diagnosis]:
    store = Store(machine.data)
    for name in ("trace_index", "adapters", "thresholds"):
        try:
            artifact = store.current(name)
        except TracesError as error:
            yield Diagnosis(name, str(error).split(". ")[0], False, "make demo", is_needed=False)
        else:
            yield Diagnosis(name, f"recipe {artifact.recipe}, fingerprint {artifact.fingerprint}", True)
