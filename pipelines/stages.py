"""The stages of dvc.yaml: what stands there, and what the graph declares.

DVC follows one profile at a time: that of which dvc.yaml names the settings and folders. Why all this is so:
docs/decisions/0018 and 0026.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.graph import served
from traces_core.disk import aside, locked
from traces_core.settings import PROFILE_VARIABLE, Settings, project_root

if TYPE_CHECKING:
    import dagster as dg

DVC_FILE = "dvc.yaml"
ENCODERS = "traces_core/encoders/pocket"
"""Weights that the settings `clip` and `timesformer` mean by default."""

READ_FROM = {
    "footage.training": "features",
    "footage.calibration": "features",
    "footage.benchmark": "features",
    "captions.table": "captions",
}
"""Settings that name a file or folder, and the stage that has to depend on it."""

_PROGRAM = 'PATH=".venv/bin'
"""How a command in dvc.yaml begins; the profile stands before it."""


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml."""

    name: str
    selection: str | None
    """Its assets, as Dagster selects them; None where it makes none."""
    deps: tuple[str, ...]
    params: tuple[str, ...]
    """Sections of params.yaml."""
    outs: tuple[str, ...]

    def assets(self) -> list[dg.AssetKey]:
        """Keys of its assets, in the order of the graph."""
        import dagster as dg

        if self.selection is None:
            return []
        graph = served().resolve_asset_graph()
        chosen = dg.AssetSelection.from_string(self.selection).resolve(graph)
        return [
            key for key in graph.toposorted_asset_keys if key in chosen and graph.get(key).is_materializable
        ]


def folder(name: str, profile: str) -> str:
    """The store (`data`) or the reports of a profile, in the checkout."""
    return f"{name}-{profile}" if profile else name


def code_file(stage: str, profile: str) -> str:
    """What the code of a stage does, in the checkout. Where two are equal, the code does the same."""
    return f"{folder('data', profile)}/code_versions/{stage}.json"


def followed(root: Path) -> str:
    """The profile that DVC follows: the one of the commands in dvc.yaml; empty for params.yaml alone."""
    found = re.search(rf"\b{PROFILE_VARIABLE}=(\S+)", (root / DVC_FILE).read_text(encoding="utf-8"))
    return found[1] if found else ""


def stages(root: Path | None = None) -> dict[str, Stage]:
    """The stages of dvc.yaml by name, in its order."""
    tree = yaml.safe_load(((root or project_root()) / DVC_FILE).read_text(encoding="utf-8"))
    return {name: _stage(name, about) for name, about in tree["stages"].items()}


def _stage(name: str, about: Mapping[str, Any]) -> Stage:
    words = shlex.split(about["cmd"])
    outs = (next(iter(one)) if isinstance(one, dict) else one for one in about.get("outs", ()))
    return Stage(
        name,
        words[words.index("--select") + 1] if "--select" in words else None,
        tuple(about.get("deps", ())),
        tuple(one for one in about.get("params", ()) if isinstance(one, str)),
        tuple(outs),
    )


def declared(stage: Stage, profile: str = "") -> dict[str, list[str]]:
    """`params`, `deps` and `outs` of a stage as its assets declare them."""
    from pipelines.declared import DECLARED

    own, data = stage.assets(), folder("data", profile)
    made = [DECLARED[key] for key in own]
    sources = {source for one in made for source in one.sources}
    above = {key for one in made for inner in one.inputs.values() for key in inner.keys} - set(own)
    params = sorted(key.path[1] for key in sources if key.path[0] == "settings")
    deps = [code_file(stage.name, profile)]
    deps += [ENCODERS] if {"clip", "timesformer"} & set(params) else []
    deps += sorted(f"{data}/{'/'.join(key.path)}" for key in above)
    deps += sorted("catalog" for key in sources if key.path == ["catalog"])
    outs = sorted(f"{data}/{name}" for one in made for name in one.artifacts)
    return {"params": params, "deps": deps, "outs": list(dict.fromkeys(outs))}


def write_stages(root: Path, profile: str | None = None) -> None:
    """Write what the graph declares into dvc.yaml; what else stands there stays.

    Footage and tables that the settings name become dependencies.

    Parameters
    ----------
    profile
        The one that DVC is to follow; the environment variable TRACES_PROFILE by default.
    """
    with locked(root):
        _write_stages(root, profile)


def _write_stages(root: Path, profile: str | None) -> None:
    from ruamel.yaml import YAML

    profile = os.environ.get(PROFILE_VARIABLE, "") if profile is None else profile
    yaml_, file = YAML(), root / DVC_FILE
    yaml_.width, yaml_.preserve_quotes = 1000, True
    yaml_.indent(mapping=2, sequence=4, offset=2)
    tree = yaml_.load(_moved(file.read_text(encoding="utf-8"), followed(root), profile))
    read, data = _files_read(root, Settings.load(root, profile)), f"{folder('data', profile)}/"
    if profile:
        tree["stages"]["code"]["params"] = [{f"params.{profile}.yaml": None}]
    else:
        tree["stages"]["code"].pop("params", None)
    for about, stage in ((tree["stages"][name], stage) for name, stage in stages(root).items()):
        if stage.selection is None:
            continue
        wanted = declared(stage, profile)
        further = [one for one in about.get("outs", ()) if not next(iter(one)).startswith(data)]
        beside = dict.fromkeys([*about.get("deps", ()), *read.get(stage.name, ())])
        extra = [one for one in beside if one not in wanted["deps"] and not one.startswith(data)]
        about["params"], about["deps"] = _flowing(wanted["params"]), wanted["deps"] + extra
        about["outs"] = [{out: _flowing({"persist": True})} for out in wanted["outs"]] + further
    with aside(file) as half, half.open("w", encoding="utf-8") as target:
        yaml_.dump(tree, target)


def _moved(text: str, old: str, new: str) -> str:
    """dvc.yaml with the folders and the commands of another profile."""
    for name in ("data", "reports"):
        text = re.sub(rf"(?<![\w/-]){folder(name, old)}/", f"{folder(name, new)}/", text)
    text = re.sub(rf"\b{PROFILE_VARIABLE}=\S+ ", "", text)
    return text.replace(_PROGRAM, f"{PROFILE_VARIABLE}={new} {_PROGRAM}") if new else text


def _files_read(root: Path, settings: Settings) -> dict[str, list[str]]:
    """By stage: the files and folders that the settings name and that are there."""
    read: dict[str, list[str]] = {}
    for setting, stage in READ_FROM.items():
        path = path_of(settings, setting)
        if path is not None and (root / path).exists():
            read.setdefault(stage, []).append(path)
    return read


def path_of(settings: Settings, setting: str) -> str | None:
    """The value of a setting of `READ_FROM`."""
    section, name = setting.split(".")
    path: str | None = getattr(getattr(settings, section), name)
    return path


def _flowing(value: Any) -> Any:
    """A list or mapping on one line of YAML."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    written = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    written.fa.set_flow_style()
    return written
