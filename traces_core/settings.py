"""Every setting that changes a result, read from params.yaml; part of the recipes.

What belongs to the machine (device, folders, threads) is not here: see `Machine`, which reads the
environment and is part of no recipe.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from traces_core.bank.settings import BankSettings
from traces_core.captions.settings import CaptionSettings
from traces_core.context_aware.predictive.settings import PredictorSettings
from traces_core.context_aware.settings import ContextGateSettings, JointSettings
from traces_core.encoders.settings import ClipSettings, TimesformerSettings
from traces_core.errors import SettingsError
from traces_core.fusion.settings import FusionSettings
from traces_core.scoring.choice import ScorerChoice
from traces_core.strict_yaml import StrictYamlError, YamlText, parse_yaml, read_text
from traces_core.text.writers.settings import WritingSettings

PROFILE_VARIABLE = "TRACES_PROFILE"
PARAMS_VARIABLE = "TRACES_PARAMS"
ROOT_VARIABLE = "TRACES_ROOT"
BASE_FILE = "params.yaml"


class Section(BaseModel):
    """One section of params.yaml: refuses what it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PracticeSettings(Section):
    """How much of the practice world is drawn. Zero of everything where real footage is used."""

    seed: int = Field(7, ge=0, description="Seed of every scene, figure and event drawn.")
    training_clips: int = Field(308, ge=0, description="Captioned clips of one event each (count).")
    training_clip_s: float = Field(3.0, gt=0, le=60, description="Length of one of them (seconds).")
    training_videos: int = Field(40, ge=0, description="Captioned untrimmed videos, an anomaly each (count).")
    training_video_s: float = Field(11.0, ge=11, le=600, description="Length of one of them (seconds).")
    calibration_minutes: float = Field(8.0, ge=0, description="Normal footage for thresholds (minutes).")
    benchmark_videos: int = Field(24, ge=0, description="Long untrimmed videos of held-out scenes (count).")
    benchmark_video_s: float = Field(52.0, gt=0, le=3600, description="Length of one of them (seconds).")


class FootageSettings(Section):
    """Where the videos are: one folder a set; null takes the practice world's.

    A folder holds videos at any depth (a sub-folder named like a context says which place it shows) and,
    beside them, `annotations` and `captions` as .parquet or .csv.
    """

    training: str | None = Field(None, description="Captioned clips the fusion is trained on.")
    calibration: str | None = Field(None, description="Normal footage the thresholds come from.")
    benchmark: str | None = Field(None, description="Annotated videos the numbers are measured on.")
    shards: int = Field(8, ge=1, le=99, description="Parts the footage is split into, by video id (count).")


class SamplingSettings(Section):
    """Which frames are looked at; how long a window is, `timesformer.window_frames` says."""

    sample_fps: float = Field(8.0, gt=0, le=120, description="Frames looked at (per second of video).")
    hop_frames: int = Field(4, ge=1, le=128, description="Sampled frames from window to window (count).")


class CorpusSettings(Section):
    """Which sentences the detector knows."""

    contexts: tuple[str, ...] = Field(min_length=1, description="Contexts of the catalog that are used.")
    writer: Literal["shipped", "vllm", "openai"] = Field(
        "shipped", description="Who adds to the catalog's traces: nobody, or a language model."
    )
    scene: Literal["none", "matched", "generic", "mismatched"] = Field(
        "matched",
        description="Sentence about the place on the normal side: none, its own, one for all, another's.",
    )
    traces_per_side: int | None = Field(
        None, ge=1, description="At most so many traces a side and context (count); null keeps all."
    )
    left_out_class: str | None = Field(None, description="Anomalous class to leave out (ablation).")
    near_duplicate_cosine: float = Field(
        0.995, gt=0, le=1, description="Of two traces of a class this similar, one is left out (cosine)."
    )


class TrainingSettings(Section):
    """What the fusion is trained on."""

    footage: Literal["all", "normal"] = Field("all", description="Clips used: every kind, or normal only.")
    fusion: FusionSettings = FusionSettings()


class ScoringSettings(ScorerChoice):
    """How similarities become a score; a section below for each scorer that has more to set."""

    by_context: bool = Field(True, description="Ask only the traces of the camera's context where known.")


class CalibrationSettings(Section):
    """How often the alarm may ring on normal footage."""

    false_alarms_per_hour: float = Field(12.0, gt=0, description="Episodes allowed on normal footage (1/h).")
    block_s: float = Field(10.0, gt=0, description="Length of the blocks whose maxima are ranked (seconds).")
    min_gap_s: float = Field(2.0, ge=0, description="Episodes closer than this are one (seconds).")


class BenchmarkSettings(Section):
    """How results are measured."""

    bootstrap: int = Field(1000, ge=10, description="Resamplings of the videos for intervals (count).")
    seed: int = Field(0, ge=0, description="Seed of the resampling.")
    event_recall: float = Field(0.8, gt=0, le=1, description="Recall at which false alarms are counted.")
    pretraining_seeds: tuple[str, ...] = Field(
        ("pocket-0", "pocket-1", "pocket-2"), description="Encoders of the seed rows of `make benchmark`."
    )


class Settings(Section):
    """All sections. `Settings.load()` reads them; `.recipe(...)` picks what a computation depends on."""

    practice: PracticeSettings = PracticeSettings()
    footage: FootageSettings = FootageSettings()
    sampling: SamplingSettings = SamplingSettings()
    clip: ClipSettings = ClipSettings()
    timesformer: TimesformerSettings = TimesformerSettings()
    corpus: CorpusSettings
    writing: WritingSettings = WritingSettings()
    bank: BankSettings = BankSettings()
    training: TrainingSettings = TrainingSettings()
    predictor: PredictorSettings = PredictorSettings()
    context_gate: ContextGateSettings = ContextGateSettings()
    joint: JointSettings = JointSettings()
    scoring: ScoringSettings = ScoringSettings()
    captions: CaptionSettings = CaptionSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()

    @classmethod
    def load(cls, folder: Path | str | None = None, profile: str | None = None) -> Settings:
        """Read params.yaml, and params.<profile>.yaml over it.

        Parameters
        ----------
        folder
            Where the files lie; the environment variable TRACES_PARAMS, or the checkout, by default.
        profile
            Name of the second file; the environment variable TRACES_PROFILE by default.

        Raises
        ------
        SettingsError
            A missing file, an unknown setting, a value out of bounds: names the setting.
        """
        folder = Path(folder or os.environ.get(PARAMS_VARIABLE, "") or project_root())
        profile = os.environ.get(PROFILE_VARIABLE, "") if profile is None else profile
        files = [folder / BASE_FILE] + ([folder / f"params.{profile}.yaml"] if profile else [])
        read = {file: read_yaml(file) for file in files}
        merged: dict[str, Any] = {}
        for one in read.values():
            merged = _merge(merged, one.values)
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            problem = f"{explained(error, read)}{_whose(folder)}"
            raise SettingsError(" and ".join(map(str, files)), problem) from error

    def with_values(self, **dotted: Any) -> Settings:
        """A copy with other values: `settings.with_values(scoring__k=1)`; checked like the file.

        Examples
        --------
        >>> Settings(corpus={"contexts": ["street"]}).with_values(scoring__k=1).scoring.k
        1
        """
        tree = self.model_dump()
        for name, value in dotted.items():
            *sections, leaf = name.split("__")
            branch = tree
            for section in sections:
                branch = branch.get(section) or {}
            if leaf not in branch:
                raise SettingsError("settings", f"unknown setting {name.replace('__', '.')!r}")
            branch[leaf] = value
        return Settings.model_validate(tree)


class Machine(BaseModel):
    """What belongs to this machine and changes no result: where things lie and what computes them."""

    model_config = ConfigDict(frozen=True)

    data: Path
    """Root of the store."""
    catalog: Path
    """Folder of the catalog people edit."""
    reports: Path
    """Where reports for people are written."""
    device: str
    """Torch device: cpu, cuda, cuda:1."""

    @classmethod
    def here(cls) -> Machine:
        """Read TRACES_DATA, _CATALOG, _REPORTS and _DEVICE; the checkout's own folders are the defaults."""
        root, profile = project_root(), os.environ.get(PROFILE_VARIABLE, "")
        suffix = f"-{profile}" if profile else ""
        return cls(
            data=Path(os.environ.get("TRACES_DATA", root / f"data{suffix}")),
            catalog=Path(os.environ.get("TRACES_CATALOG", root / "catalog")),
            reports=Path(os.environ.get("TRACES_REPORTS", root / f"reports{suffix}")),
            device=os.environ.get("TRACES_DEVICE", "cpu"),
        )


@cache
def project_root() -> Path:
    """TRACES_ROOT, else the nearest folder upwards with a params.yaml, from here or this file."""
    if named := os.environ.get(ROOT_VARIABLE):
        if not (Path(named) / BASE_FILE).is_file():
            raise SettingsError(
                Path(named) / BASE_FILE, f"not found; {ROOT_VARIABLE} names a checkout of TRACES"
            )
        return Path(named).absolute()
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / BASE_FILE).is_file():
                return folder
    raise SettingsError(Path.cwd() / BASE_FILE, "not found; run inside a checkout of TRACES")


def _whose(folder: Path) -> str:
    """What to know where a folder was found that may be another project's, not named; else nothing."""
    named = {os.environ.get(ROOT_VARIABLE), os.environ.get(PARAMS_VARIABLE)}
    if named != {None} or folder != project_root() or folder in Path(__file__).resolve().parents:
        return ""
    return (
        f". {folder} was taken for a TRACES project: it is the nearest folder upwards with a {BASE_FILE}. "
        f"If it is another project's, name the checkout of TRACES: {ROOT_VARIABLE}=FOLDER"
    )


def read_yaml(file: Path) -> YamlText:
    """What a file of settings says: sections, and the lines they stand on; an empty file says nothing.

    Raises
    ------
    SettingsError
        If there is no such file, it holds no sections, or it is refused by `parse_yaml`: file and line.
    """
    try:
        read = parse_yaml(read_text(file))
    except FileNotFoundError:
        raise SettingsError(file, "no such file") from None
    except OSError as error:
        raise SettingsError(file, f"cannot be read ({error})") from error
    except StrictYamlError as fault:
        where = f"{file}:{fault.line}" if fault.line else str(file)
        raise SettingsError(where, f"{fault.problem}. {fault.do.removesuffix('.')}") from fault
    if read.values is None:
        return YamlText({})
    if not isinstance(read.values, dict):
        raise SettingsError(file, "expected sections with settings")
    return read


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def explained(error: ValidationError, files: Mapping[Path, YamlText], *, quotes: bool = True) -> str:
    """What pydantic refused, each with its file and line, and what was found unless it may be a secret."""
    return "; ".join(
        f"{_where(item['loc'], files)}{'.'.join(map(str, item['loc']))}: {item['msg']}"
        + (f" (found {reprlib.repr(item['input'])})" if quotes else "")
        for item in error.errors()
    )


def _where(place: tuple[str | int, ...], files: Mapping[Path, YamlText]) -> str:
    """File and line of a setting: of the last file that says it, for that one counts."""
    found = [(file, *read.find(place)) for file, read in files.items()]
    if len(found) == 1 and found[0][1]:  # what is missing is missing from the part that it belongs in
        return f"{found[0][0].name}:{found[0][1]}: "
    return next((f"{file.name}:{line}: " for file, line, is_there in reversed(found) if is_there), "")
